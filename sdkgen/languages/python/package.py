"""Everything else of a package: its roots, errors, metadata, README, reference and examples. Pure."""

from collections.abc import Iterator
from importlib import resources
from string import Template

from sdkgen.ir.nodes import Api, Method, Model, Ref, Resource
from sdkgen.languages.base.common import has, kind_of, licence
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import markdown, one_line, python_docstring, python_string, toml_string
from sdkgen.languages.base.usage import group_of
from sdkgen.languages.python.models import FUTURE, Modules
from sdkgen.languages.python.naming import attribute, resource_class
from sdkgen.languages.python.resources import Resources
from sdkgen.languages.python.types import Spelling

RUNTIME = (
    "__init__", "aio", "client", "core", "errors", "hints", "meta", "model", "multipart", "options", "pages",
    "resource", "sse", "stream", "transport",
)  # fmt: skip
RAISED = (
    "APIError", "AuthenticationFailed", "BadRequest", "Cancelled", "ConfigurationError", "Conflict", "ConnectionFailed",
    "DecodeError", "GatewayError", "NotFound", "PaymentRequired", "PermissionDenied", "RateLimited", "ServerError",
    "StreamInterrupted", "TimedOut", "Unprocessable",
)  # fmt: skip


class Package:
    """The files around the modules of types and resources."""

    def __init__(self, api: Api, config: Config, modules: Modules, tree: Resources, spelling: Spelling) -> None:
        self._api, self._config, self._modules, self._tree = api, config, modules, tree
        self._spelling = spelling
        self._roots = [path for path in sorted(tree.tree.places) if len(path) == 1]

    def files(self) -> Iterator[tuple[str, str | bytes]]:
        module = self._config.module
        for name in RUNTIME:
            yield f"{module}/_runtime/{name}.py", _resource("runtime", f"{name}.py")
        yield f"{module}/__init__.py", self._init()
        yield f"{module}/_client.py", self._client()
        yield f"{module}/errors.py", self._errors()
        yield f"{module}/py.typed", ""
        yield f"{module}/types/__init__.py", self._types()
        yield f"{module}/params/__init__.py", '"""Types of arguments, in modules as those of answers are."""\n'
        for room in ("params", "resources", "types"):
            yield f"{module}/{room}/_base.py", _resource("templates", f"base_{room}.py.txt")
        for group in self._modules.groups():
            yield f"{module}/types/{group}.py", self._modules.types(group)
            yield f"{module}/params/{group}.py", self._modules.params(group)
        yield f"{module}/resources/__init__.py", '"""The places of a client."""\n'
        for group in self._tree.tree.groups():
            yield f"{module}/resources/{group}.py", self._tree.module(group)
        yield "pyproject.toml", self._pyproject()
        yield "MANIFEST.in", "graft tests\n"
        yield "LICENSE", licence()
        yield (
            "CHANGELOG.md",
            f"# Changelog\n\n## {self._config.version}\n\n"
            f"Made of {markdown(self._api.title)} {markdown(self._api.version)}.\n",
        )
        yield "README.md", self._filled("README.md")
        yield "docs/reference.md", "".join(self._reference())
        yield "docs/errors.md", "".join(self._error_pages())
        if has(self._api, "chat.completions.create"):
            for name in ("chat", "stream", "tools", "errors", "asynchronous"):
                yield f"examples/{name}.py", self._filled(f"{name}.py.txt")

    # ---- roots ---------------------------------------------------------------------------------------------------
    def _init(self) -> str:
        names = ["AsyncGateway", "Gateway"]
        return f'''"""{_doc(self._api.title)}: a client. `Gateway()` is where to begin."""

{FUTURE}
from typing import TYPE_CHECKING

__version__ = {python_string(self._config.version)}
__all__ = [
    "AsyncGateway", "Cancel", "Gateway", "RequestOptions", "Retry", "Timeouts", "Unknown", "__version__", "errors",
]

if TYPE_CHECKING:
    from . import errors as errors
    from ._client import {", ".join(f"{name} as {name}" for name in names)}
    from ._runtime.model import Unknown as Unknown
    from ._runtime.options import (
        Cancel as Cancel,
        RequestOptions as RequestOptions,
        Retry as Retry,
        Timeouts as Timeouts,
    )
else:
    _HOMES = {{
        "AsyncGateway": "._client", "Gateway": "._client", "Cancel": "._runtime.options",
        "RequestOptions": "._runtime.options", "Retry": "._runtime.options", "Timeouts": "._runtime.options",
        "Unknown": "._runtime.model",
    }}

    def __getattr__(name):
        from importlib import import_module

        if name == "errors":
            return import_module(".errors", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
        found = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
        return found
'''

    def _client(self) -> str:
        config = self._config
        headers = ", ".join(f"{python_string(name)}: {python_string(value)}" for name, value in config.headers.items())
        lines = [
            FUTURE,
            "from typing import TYPE_CHECKING", "",
            "from . import errors as _errors",
            "from ._runtime.client import AsyncClient as _AsyncClient, Client as _Client, Defaults as _Defaults",
            "from ._runtime.options import Timeouts as _Timeouts", "",
            "if TYPE_CHECKING:",
            "    from typing import Self", "",
            "    from ._runtime.resource import Async, Sync",
            *[f"    from .resources.{group_of(path)} import {resource_class(path)}" for path in self._roots], "",
            "_DEFAULTS = _Defaults(",
            f"    base_url={python_string(config.base_url)},",
            f"    timeouts=_Timeouts({config.connect_timeout_s!r}, {config.first_byte_timeout_s!r}, "
            f"{config.idle_timeout_s!r}, {config.total_timeout_s!r}),",
            f"    max_retries={config.max_retries},",
            f"    headers={{{headers}}},",
            f"    version={python_string(config.version)},",
            f"    spec={python_string(self._api.document_sha[:12])},",
            ")", "",
        ]  # fmt: skip
        for prefix in ("", "Async"):
            lines += [
                f"class {prefix}Gateway(_{prefix}Client):",
                *python_docstring(f"{self._api.title}. " + ("Asynchronous. " if prefix else "") + CLIENT_DOC, "    "),
                "",
                "    _defaults = _DEFAULTS",
                "    _codes = _errors.CODES",
                '    _types = __package__ + ".types"', "",
                *[f"    {attribute(path[0], frozenset())}: {resource_class(path)}[{prefix or 'Sync'}]"
                  for path in self._roots], "",
            ]  # fmt: skip
            if prefix:
                lines += ["    async def __aenter__(self) -> Self:", "        return self", ""]
            else:
                lines += ["    def __enter__(self) -> Self:", "        return self", ""]
        return "\n".join(lines).rstrip() + "\n"

    def _errors(self) -> str:
        lines = [
            f'"""What a client raises. `{self._config.module}.errors.GatewayError` is the base of all."""', "", FUTURE,
            "from ._runtime.errors import (", *[f"    {name} as {name}," for name in RAISED], ")", "",
        ]  # fmt: skip
        for error in self._api.errors:
            kind = kind_of(error.status)
            base = "ServerError" if kind == "Server" else kind
            doc = python_docstring(error.doc, "    ") or ["    pass"]
            lines += ["", f"class {error.name}({base}):", *doc, ""]
        if self._config.docs_url:
            lines += ["", f"APIError.docs = {python_string(self._config.docs_url)}"]
        pairs = [f"    {python_string(error.code)}: {error.name}," for error in self._api.errors]
        lines += ["", "CODES: dict[str, type[APIError]] = {", *pairs, "}"]
        return "\n".join(lines) + "\n"

    def _types(self) -> str:
        groups = self._modules.groups()
        imports = "\n".join(f"    from .{group} import *" for group in groups)
        listed = "".join(f'"{group}", ' for group in groups)
        return f'''"""Types of answers. Each is in the module of the resource that alone uses it, else in `shared`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
{imports}
else:
    _MODULES = ({listed})

    def __getattr__(name):
        if name.startswith("_"):
            raise AttributeError(name)
        from importlib import import_module

        for module in _MODULES:
            found = import_module(f".{{module}}", __name__).__dict__.get(name)
            if found is not None:
                return found
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
'''

    # ---- around the code -----------------------------------------------------------------------------------------
    def _pyproject(self) -> str:
        config = self._config
        return f"""[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = {toml_string(config.package)}
version = {toml_string(config.version)}
description = {toml_string(f"Client of the {self._api.title}")}
readme = "README.md"
license = {{text = "Apache-2.0"}}
requires-python = ">=3.11"
dependencies = []
classifiers = ["Typing :: Typed"]

[project.optional-dependencies]
httpx = ["httpx>=0.27"]

[tool.setuptools]
packages = [
    {toml_string(config.module)}, {toml_string(config.module + "._runtime")}, {toml_string(config.module + ".params")},
    {toml_string(config.module + ".resources")}, {toml_string(config.module + ".types")},
]

[tool.setuptools.package-data]
{toml_string(config.module)} = ["py.typed"]
"""

    def _filled(self, name: str) -> str:
        config = self._config
        text = _resource("templates", name)
        return Template(text).substitute(
            title=markdown(self._api.title), package=config.package, module=config.module, version=config.version,
            base_url=config.base_url,
        )  # fmt: skip

    def _reference(self) -> Iterator[str]:
        yield f"# Reference of {markdown(self._api.title)} {self._config.version}\n"
        for resource in self._api.resources:
            yield f"\n## client.{'.'.join(resource.path)}\n\n"
            yield f"{markdown(resource.doc)}\n\n" if resource.doc else ""
            for method in resource.methods:
                yield from self._method(resource, method)

    def _method(self, resource: Resource, method: Method) -> Iterator[str]:
        name = self._spelling.names.of("method", method.pointer)
        path = [attribute(one.name, frozenset()) for one in method.parameters if one.where == "path"]
        yield f"### `client.{name}({', '.join([*path, '...'])})`\n\n{_code(f'{method.http} {method.path}')}"
        yield f"\n\n{markdown(method.doc)}\n\n" if method.doc else "\n\n"
        rows = [(one.name, self._spelling.sent(one.type), one.required, one.doc) for one in method.parameters]
        rows += self._body_rows(method)
        if rows:
            yield "| argument | type | required | |\n|---|---|---|---|\n"
            for argument, kind, required, doc in rows:
                word = "yes" if required else ""
                yield f"| {_code(argument)} | {_code(kind)} | {word} | {markdown(doc)} |\n"
            yield "\n"
        if method.errors:
            yield f"Errors: {', '.join(map(str, method.errors))}.\n\n"

    def _body_rows(self, method: Method) -> list[tuple[str, str, bool, str]]:
        body = method.body
        if body is None:
            return []
        model = self._spelling.types.get(body.type.name) if isinstance(body.type, Ref) else None
        if not isinstance(model, Model):
            return [("body", self._spelling.sent(body.type), body.required, "")]
        hidden = method.stream.param if method.stream else ""
        return [
            (one.name, self._spelling.sent(one.type), one.required, one.doc)
            for one in model.fields
            if one.name != hidden
        ]

    def _error_pages(self) -> Iterator[str]:
        yield "# Errors\n\nEvery error is an `APIError` with `status`, `code`, `message` and `request_id`.\n"
        for error in self._api.errors:
            yield f"\n## {error.code}\n\n`errors.{error.name}`, status {error.status}. {markdown(error.doc)}\n"


CLIENT_DOC = (
    "Keys come from the arguments api_key and management_key, else from GATEWAY_API_KEY and GATEWAY_MANAGEMENT_KEY; "
    "the address from base_url, else from GATEWAY_BASE_URL."
)


def _code(text: str) -> str:
    """A code span in a table."""
    return "`" + one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _doc(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', "'")


def _resource(room: str, name: str) -> str:
    return resources.files(f"sdkgen.languages.python.{room}").joinpath(name).read_text(encoding="utf-8")
