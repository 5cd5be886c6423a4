"""What is read beside the code: README, reference, errors, examples, licence, changelog. Pure but for reading
templates."""

import json
from collections.abc import Iterator, Mapping
from importlib import resources

from sdkgen.ir.nodes import Api, Enum, Field, Method, Model, Parameter, Ref, Resource
from sdkgen.languages.base.common import licence
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import markdown, one_line
from sdkgen.languages.base.names import Names
from sdkgen.languages.typescript import naming
from sdkgen.languages.typescript.resources import Resources
from sdkgen.languages.typescript.types import Spelling

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "chat.mjs": ("chat_completions_create",),
    "stream.mjs": ("chat_completions_create",),
    "tools.mjs": ("chat_completions_create",),
    "errors.mjs": ("chat_completions_create",),
    "cancel.mjs": ("chat_completions_create",),
    "embeddings.mjs": ("embeddings_create",),
    "typed.ts": ("chat_completions_create", "messages_create"),
}
"""The operations that each example calls: a package without one of them has the example not."""


def texts(api: Api, names: Names, config: Config, tree: Resources) -> dict[str, str | bytes]:
    """Path → content."""
    known = {method.id for resource in api.resources for method in resource.methods}
    spelling = Spelling.of(api, names)
    files: dict[str, str | bytes] = {
        "README.md": _filled("README.md", api, config),
        "LICENSE": licence(),
        "CHANGELOG.md": _changelog(api, config),
        "docs/reference.md": "".join(_reference(api, names, spelling, tree)),
        "docs/types.md": "".join(_types(api, spelling)),
        "docs/errors.md": "".join(_errors(api, names, config)),
    }
    for name, needed in EXAMPLES.items():
        if known.issuperset(needed):
            files[f"examples/{name}"] = _filled(f"examples/{name}", api, config)
    return files


def _changelog(api: Api, config: Config) -> str:
    return f"# Changelog\n\n## {config.version}\n\nMade of {markdown(api.title)} {markdown(api.version)}.\n"


def _template(name: str) -> str:
    return resources.files("sdkgen.languages.typescript").joinpath("templates", name).read_text(encoding="utf-8")


def _filled(name: str, api: Api, config: Config) -> str:
    """The settings were checked, so they hold nothing that ends a literal; the title is shown in Markdown alone."""
    text = _template(name)
    for word, value in (
        ("package", config.package), ("version", config.version), ("base_url", config.base_url),
        ("title", markdown(api.title)),
    ):  # fmt: skip
        text = text.replace("{{" + word + "}}", value)
    return text


# ---- reference ---------------------------------------------------------------------------------------------------
def _reference(api: Api, names: Names, spelling: Spelling, tree: Resources) -> Iterator[str]:
    yield f"# Reference of {markdown(api.title)} {markdown(api.version)}\n\n"
    yield "Every method takes `options` last: see the README. Types are in [types](types.md).\n"
    for resource in api.resources:
        place = ".".join(naming.place_name(names, resource.path[:n]) for n in range(1, len(resource.path) + 1))
        yield f"\n## client.{place}\n"
        yield f"\n{markdown(resource.doc)}\n" if resource.doc else ""
        for method in resource.methods:
            yield from _method(resource, method, names, spelling, tree)


def _method(resource: Resource, method: Method, names: Names, spelling: Spelling, tree: Resources) -> Iterator[str]:
    in_path = [naming.argument(one.name) for one in method.parameters if one.where == "path"]
    given = [*in_path, *["body"] * (method.body is not None), *["params"] * bool(naming.asked(method)), "options"]
    yield f"\n### `client.{naming.called(names, resource.path, method)}({', '.join(given)})`\n"
    yield "\nDeprecated.\n" if method.deprecated else ""
    yield f"\n{_code(f'{method.http} {method.path}')}: {markdown(method.doc) or 'no description.'}\n"
    rows: list[Field | Parameter] = [*method.parameters, *_body_fields(method, spelling)]
    if rows:
        yield "\n| name | type | | |\n|---|---|---|---|\n"
        yield from (_row(one, spelling) for one in rows)
    yield f"\nAnswers with {_code(tree.answer(method))}"
    yield ", page by page" if method.pagination else ""
    if method.stream is not None:
        event = spelling.text(method.stream.event)
        name = names.find("method", f"{method.pointer} stream", "")
        yield f"; {f'`{name}(…)`' if name else 'it'} gives a stream of {_code(event)}"
    yield ".\n"
    if method.errors:
        yield f"\nRefusals: {', '.join(str(status) for status in method.errors)}.\n"


def _body_fields(method: Method, spelling: Spelling) -> tuple[Field, ...]:
    if method.body is None or not isinstance(method.body.type, Ref):
        return ()
    declared = spelling.types[method.body.type.name]
    return declared.fields if isinstance(declared, Model) else ()


def _row(one: Field | Parameter, spelling: Spelling) -> str:
    need = (
        "required" if one.required else f"default {_code(json.dumps(one.default))}" if one.default is not None else ""
    )
    of = spelling.text(one.type, only_sent=True)
    return f"| {_code(one.name)} | {_code(of)} | {need} | {markdown(one.doc)} |\n"


def _types(api: Api, spelling: Spelling) -> Iterator[str]:
    yield f"# Types of {markdown(api.title)} {markdown(api.version)}\n"
    for declared in api.types:
        yield f"\n## {spelling.public(declared.name)}\n"
        yield f"\n{markdown(declared.doc)}\n" if declared.doc else ""
        if isinstance(declared, Model) and declared.fields:
            yield "\n| field | type | | |\n|---|---|---|---|\n"
            yield from (_row(one, spelling) for one in declared.fields)
        elif isinstance(declared, Enum):
            yield f"\nOne of {', '.join(_code(value) for value in declared.values)}, or another.\n"
        elif not isinstance(declared, Model):
            yield f"\nOne of {', '.join(_code(spelling.text(variant.type)) for variant in declared.variants)}.\n"


def _errors(api: Api, names: Names, config: Config) -> Iterator[str]:
    yield "# Errors by code\n\n| code | status | class | |\n|---|---|---|---|\n"
    for code in api.errors:
        name = names.of("type", f"error:{code.code}")
        yield f"| {_code(code.code)} | {code.status} | `{name}` | {markdown(code.doc)} |\n"
    if config.docs_url:
        yield f"\n`error.docUrl` leads to {_code(f'{config.docs_url}#code')}.\n"


def _code(text: str) -> str:
    """Inline code in a cell of a table: what would end it is shown by its entity."""
    inner = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return f"<code>{inner.replace('`', '&#96;').replace('{{', '{&#8203;{')}</code>"
