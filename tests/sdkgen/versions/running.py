"""Run functions of a source file against a server that answers as a representation says."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.sdk.compilers import CSHARP, LOOSE, TYPESCRIPT, Package
from sdkgen.ir.nodes import Api, Const, Enum, ListOf, MapOf, Model, Nullable, Prim, Ref, Type, Union
from sdkgen.languages.base.snippets import Code


def value_of(api: Api, of: Type) -> Any:
    """JSON that fits a type, with what has to be there."""
    match of:
        case Prim("string", "decimal"):
            return "1.50"
        case Prim(kind, _):
            return {"string": "text", "integer": 1, "number": 1.5, "boolean": True}[kind]
        case Const(value):
            return value
        case Nullable(inner):
            return value_of(api, inner)
        case ListOf():
            return []
        case MapOf():
            return {}
        case Ref(name):
            declared = api.type_named(name)
            if isinstance(declared, Enum):
                return declared.values[0]
            if isinstance(declared, Union):
                return value_of(api, declared.variants[0].type)
            assert isinstance(declared, Model)
            return {one.name: value_of(api, one.type) for one in declared.fields}
    return None


@contextmanager
def answering(api: Api) -> Iterator[tuple[str, list[str]]]:
    """Address, and the lines of the requests that came."""
    answers = {}
    for resource in api.resources:
        for method in resource.methods:
            place = method.path.split("/")[1]
            said = method.answers[0].type
            answers[method.http.upper(), place, method.path.count("/")] = None if said is None else value_of(api, said)
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            path = self.path.partition("?")[0]
            self.rfile.read(int(self.headers.get("content-length", 0)))
            said = answers[self.command, path.split("/")[1], path.count("/")]
            seen.append(f"{self.command} {path}")
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


MAINS = {
    "python": "import example\nfrom llm_gateway import Gateway\n\nclient = Gateway()\n"
    "for name in {names}:\n    getattr(example, name)(client)\n",
    "typescript": "import * as example from './example.js';\nimport {{ Gateway }} from 'llm-gateway';\n\n"
    "const client = new Gateway();\nfor (const name of {names}) await example[name](client);\n",
    "java": "import com.llmgateway.LlmGateway;\n\nfinal class Main {{\n    public static void main(String[] all) {{\n"
    "        var client = new LlmGateway();\n{calls}    }}\n}}\n",
    "go": 'package main\n\nimport (\n\t"context"\n\n\tgateway "example.com/llmgateway"\n)\n\nfunc main() {{\n'
    "\tclient, err := gateway.NewClient()\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n{calls}}}\n",
    "csharp": "public static class Program\n{{\n    public static async Task Main()\n    {{\n"
    "        using var client = new GatewayClient();\n{calls}    }}\n}}\n",
}
"""Programs that call the functions, with a client of the environment."""
CALLS = {
    "java": "        Example.{name}(client);\n",
    "go": "\t{name}(context.Background(), client)\n",
    "csharp": "        await Example.{name}(client);\n",
}


def run(package: Package, text: str, codes: Sequence[Code], url: str) -> None:
    """Raises AssertionError when a function fails."""
    language = package.language
    work = package.folder.parent / "run"
    work.mkdir()
    names = [code.name for code in codes if code.is_alone]
    calls = "".join(CALLS.get(language, "").format(name=name) for name in names)
    main = MAINS[language].format(names=json.dumps(names), calls=calls)
    keys = {"GATEWAY_BASE_URL": url, "GATEWAY_API_KEY": "k", "GATEWAY_MANAGEMENT_KEY": "m"}
    for command, environment in _commands(package, work, text, main):
        done = subprocess.run(
            command,
            cwd=work,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, **keys, **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _commands(package: Package, work: Path, text: str, main: str) -> list[tuple[list[str], dict[str, str]]]:
    match package.language:
        case "python":
            _put(work, {"example.py": text, "main.py": main})
            return [([sys.executable, "main.py"], {"PYTHONPATH": str(package.folder)})]
        case "typescript":
            _put(work, {"example.ts": text, "main.mjs": main, "package.json": '{"type": "module"}'})
            emit = [one for one in LOOSE if one not in ("--noEmit", "--allowJs", "--checkJs")]
            types = ["--typeRoots", str(TYPESCRIPT / "@types"), "--types", "node"]
            return [([str(TYPESCRIPT / ".bin/tsc"), *emit, *types, "example.ts"], {}), (["node", "main.mjs"], {})]
        case "java":
            _put(work, {"Example.java": text, "Main.java": main})
            options = ["--release", "17", "-Xlint:all,-deprecation", "-Werror", "-cp", str(package.compiled)]
            return [
                (["javac", *options, "-d", "classes", "Example.java", "Main.java"], {}),
                (["java", "-cp", f"{package.compiled}:classes", "Main"], {}),
            ]
        case "go":
            module = (
                "module program\n\ngo 1.19\n\nrequire example.com/llmgateway v0.0.0\n\n"
                f"replace example.com/llmgateway => {package.folder}\n"
            )
            _put(work, {"example.go": text, "main.go": main, "go.mod": module})
            return [(["go", "run", "."], {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"})]
    _put(work, {"Example.cs": f"{text}\n{main}"})
    (reference,) = package.compiled.glob("*.dll")
    options = ["--lenient", "--name", "App", "--out", str(work), "--reference", str(reference)]
    return [
        ([str(CSHARP / "csc"), *options, str(work / "Example.cs")], {}),
        ([str(CSHARP / "dotnet"), str(work / "App.dll")], {}),
    ]


def _put(work: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (work / name).write_text(text, encoding="utf-8")
