"""From the representation to the files of a package."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from sdkgen.documentation.texts import documents
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config, ConfigError, checked
from sdkgen.languages.base.language import About
from sdkgen.languages.base.names import Lock, Name, Names
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.typescript import naming, package
from sdkgen.languages.typescript.declarations import Declarations
from sdkgen.languages.typescript.resources import Resources
from sdkgen.languages.typescript.selftest import tests
from sdkgen.languages.typescript.snippets import TypeScriptSnippets
from sdkgen.languages.typescript.texts import texts
from sdkgen.languages.typescript.types import Spelling

HERE = Path(__file__).parent
LOCK = HERE / "names.lock.json"
QUICK_START = """\
import {{ Gateway }} from '{package}';

const client = new Gateway({{ apiKey: 'gw-…' }});
const answer = await client.chat.completions.create({{
  model: 'gpt-4o-mini',
  messages: [{{ role: 'user', content: 'Say hello.' }}],
}});
console.log(answer.choices[0].message.content);
"""
NODE_MODULES = frozenset({
    "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
    "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net",
    "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder",
    "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib",
})  # fmt: skip
"""https://nodejs.org/api/modules.html#built-in-modules, those that need no `node:`."""
_PACKAGE = re.compile(r"(?:@[a-z0-9][a-z0-9._\-]*/)?[a-z0-9][a-z0-9._\-]*")


class TypeScript:
    """One package for TypeScript and for JavaScript."""

    about = About(
        id="typescript",
        display_name="TypeScript",
        minimum_runtime="Node 18, browsers and workers of 2022 (ES2022 and fetch); TypeScript 5.0 where types are read",
        maturity="stable",
        features=("chat", "streaming", "tools", "embeddings", "files", "fine_tuning", "management", "retries",
                  "pagination", "uploads", "proxy", "tls", "browser", "worker"),
        aliases=("javascript", "js", "ts"),
        install="unzip {file} -d {package} && npm install ./{package}",
        quick_start=QUICK_START,
    )  # fmt: skip

    def lock(self) -> Lock:
        return Lock.loads(LOCK.read_text()) if LOCK.exists() else Lock()

    def propose(self, api: Api) -> list[Name]:
        return list(naming.propose(api, usage_of(api)))

    def checked(self, config: Config) -> Config:
        config = checked(config)
        name = config.package or "llm-gateway"
        if len(name) > 214 or not _PACKAGE.fullmatch(name):
            raise ConfigError("package", f"{name!r} is no name of an npm package")
        if name in NODE_MODULES:
            raise ConfigError("package", f"{name} is a module of Node's own")
        if config.module:
            raise ConfigError("module", "a package of npm is imported by its own name: leave this out")
        return replace(config, package=name)

    def files(self, api: Api, names: Names, config: Config) -> Mapping[str, str | bytes]:
        spelling = Spelling.of(api, names)
        declarations = Declarations(api, usage_of(api), spelling)
        resources = Resources(api, names, spelling)
        roots = resources.roots()
        files: dict[str, str | bytes] = {
            "package.json": package.manifest(api, config),
            "lib/index.js": package.INDEX,
            "lib/index.d.ts": package.INDEX_DECLARATIONS,
            "lib/client.js": package.client_code(api, names, config, roots),
            "lib/client.d.ts": package.client_declarations(api, names, roots),
            "lib/errors.js": package.error_code(api, names),
            "lib/errors.d.ts": package.error_declarations(api, names),
            "lib/codes.js": package.codes(api, names),
            "lib/types/index.d.ts": package.types_index(declarations.modules()),
        }
        for module in declarations.modules():
            files[f"lib/types/{module}.d.ts"] = declarations.text(module)
        for module in resources.modules():
            files[f"lib/resources/{module}.js"] = resources.code(module)
            files[f"lib/resources/{module}.d.ts"] = resources.declarations(module)
        for name, text in runtime().items():
            files[f"lib/runtime/{name}"] = text
        snippets = TypeScriptSnippets(api, names, config)
        more = documents(self.about, api, config, snippets) | dict(tests(api, names, snippets))
        return {**files, **texts(api, names, config, resources), **more}


@cache
def runtime() -> Mapping[str, str]:
    """The compiled hand-written part."""
    return {path.name: path.read_text() for path in sorted((HERE / "runtime" / "compiled").iterdir())}
