"""The modules around the resources, and the package's metadata. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import json_string, one_line
from sdkgen.languages.base.names import Names
from sdkgen.languages.typescript.comments import doc
from sdkgen.languages.typescript.naming import CLIENT, module_of, place_name, resource_class

STATUSES = {
    400: "BadRequestError", 401: "AuthenticationError", 402: "PaymentRequiredError", 403: "PermissionDeniedError",
    404: "NotFoundError", 409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitedError",
}  # fmt: skip


def manifest(api: Api, config: Config) -> str:
    """`package.json`."""
    entry = {name: {"types": f"./lib/{file}.d.ts", "default": f"./lib/{file}.js"}
             for name, file in ((".", "index"), ("./node", "runtime/node"))}  # fmt: skip
    said = {
        "name": config.package,
        "version": config.version,
        "description": one_line(f"Client of the {api.title} API"),
        "license": "Apache-2.0",
        "type": "module",
        "sideEffects": False,
        "main": "./lib/index.js",
        "types": "./lib/index.d.ts",
        "exports": {**entry, "./package.json": "./package.json"},
        "files": ["lib", "CHANGELOG.md", "sdk.manifest.json"],
        "engines": {"node": ">=18"},
        "scripts": {"test": "node --test tests/"},
    }
    return json.dumps(said, indent=2) + "\n"


# ---- lib/client --------------------------------------------------------------------------------------------------
def client_code(api: Api, names: Names, config: Config, roots: Sequence[tuple[str, ...]]) -> str:
    modules: dict[str, list[str]] = {}
    for path in roots:
        modules.setdefault(module_of(path), []).append(resource_class(path))
    imports = [f"import {{ {', '.join(found)} }} from './resources/{module}.js';"
               for module, found in sorted(modules.items())]  # fmt: skip
    defaults: dict[str, Any] = {
        "version": config.version,
        "spec": api.document_sha[:12],
        "baseUrl": config.base_url,
        "timeouts": {
            "connect": _ms(config.connect_timeout_s),
            "firstByte": _ms(config.first_byte_timeout_s),
            "idle": _ms(config.idle_timeout_s),
            "total": _ms(config.total_timeout_s),
        },
        "maxRetries": config.max_retries,
        "headers": dict(config.headers),
    }
    if config.docs_url:
        defaults["docs"] = config.docs_url
    shown = json.dumps(defaults, indent=2)
    fields = [f"    this.{place_name(names, path)} = new {resource_class(path)}(this);" for path in roots]
    return "\n".join([
        "import { codes } from './codes.js';",
        *imports,
        "import { BaseClient } from './runtime/index.js';",
        "",
        f"const defaults = {shown};",
        "",
        f"export class {CLIENT} extends BaseClient {{",
        "  constructor(options = {}) {",
        "    super(options, { ...defaults, errors: codes });",
        *fields,
        "  }",
        "",
        "  withOptions(options) {",
        f"    return new {CLIENT}({{ ...this.options, ...options }});",
        "  }",
        "}",
        "",
        f"export default {CLIENT};",
        f"export const VERSION = {json_string(config.version)};",
        "",
    ])  # fmt: skip


def client_declarations(api: Api, names: Names, roots: Sequence[tuple[str, ...]]) -> str:
    modules: dict[str, list[str]] = {}
    for path in roots:
        modules.setdefault(module_of(path), []).append(resource_class(path))
    imports = [f"import type {{ {', '.join(found)} }} from './resources/{module}.js';"
               for module, found in sorted(modules.items())]  # fmt: skip
    docs = {resource.path: resource.doc for resource in api.resources}
    fields: list[str] = []
    for path in roots:
        fields += [*doc(docs.get(path, ""), "  "), f"  readonly {place_name(names, path)}: {resource_class(path)};"]
    return "\n".join([
        *imports,
        "import { BaseClient, type ClientOptions } from './runtime/index.js';",
        "",
        *doc(api.doc),
        f"export declare class {CLIENT} extends BaseClient {{",
        "  constructor(options?: ClientOptions);",
        *fields,
        "  /** The same client with other options; connections are shared. */",
        f"  withOptions(options: ClientOptions): {CLIENT};",
        "}",
        "",
        f"export default {CLIENT};",
        "/** Of this package. */",
        "export declare const VERSION: string;",
        "",
    ])  # fmt: skip


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


# ---- lib/errors, lib/codes ---------------------------------------------------------------------------------------
def _bases(api: Api) -> str:
    return ", ".join(sorted({_base(code.status) for code in api.errors} | {"ApiError"}))


def _base(status: int) -> str:
    return STATUSES.get(status) or ("ServerError" if status >= 500 else "BadRequestError")


def error_code(api: Api, names: Names) -> str:
    lines = [f"import {{ {_bases(api)} }} from './runtime/errors.js';"]
    for code in api.errors:
        name = names.of("type", f"error:{code.code}")
        lines += ["", f"export class {name} extends {_base(code.status)} {{", "  static {",
                  f"    this.prototype.name = {json_string(name)};", "  }", "}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def error_declarations(api: Api, names: Names) -> str:
    lines = [f"import {{ {_bases(api)} }} from './runtime/errors.js';"]
    for code in api.errors:
        name = names.of("type", f"error:{code.code}")
        lines += ["", *doc(f"{code.status} `{code.code}`: {code.doc}"),
                  f"export declare class {name} extends {_base(code.status)} {{}}"]  # fmt: skip
    return "\n".join([*lines, "", "export {};"]) + "\n"


def codes(api: Api, names: Names) -> str:
    lines = [
        f"  [{json_string(code.code)}]: [{code.status}, errors.{names.of('type', f'error:{code.code}')}],"
        for code in api.errors
    ]
    return "\n".join(["import * as errors from './errors.js';", "", "export const codes = {", *lines, "};", ""])


# ---- lib/index ---------------------------------------------------------------------------------------------------
INDEX = f"""export * from './runtime/index.js';
export * from './errors.js';
export {{ {CLIENT}, {CLIENT} as default, VERSION }} from './client.js';
"""
INDEX_DECLARATIONS = f"""export * from './runtime/index.js';
export * from './errors.js';
export type * from './types/index.js';
export {{ {CLIENT}, {CLIENT} as default, VERSION }} from './client.js';
"""


def types_index(modules: Sequence[str]) -> str:
    return "".join(f"export type * from './{module}.js';\n" for module in modules) or "export {};\n"
