"""The modules of types, `lib/types/<group>.d.ts`: nothing of them exists at run time. Pure."""

from collections.abc import Iterable

from sdkgen.ir.nodes import Api, Enum, Field, Method, Model, Parameter, Resource, Union
from sdkgen.languages.base.common import noted
from sdkgen.languages.base.escaping import json_string, sentence
from sdkgen.languages.base.usage import SHARED, Usage, parts_of, refs_of
from sdkgen.languages.typescript.comments import doc
from sdkgen.languages.typescript.naming import asked, file_of, module_of, property_name
from sdkgen.languages.typescript.types import Spelling


def documented(module: str) -> bool:
    """Whether doc texts are in the code: those of the management API are in the reference, or the package would be
    twice as large."""
    return module not in ("manage", SHARED)


class Declarations:
    """All modules of types of a package."""

    def __init__(self, api: Api, usage: Usage, spelling: Spelling) -> None:
        self._api, self._usage, self._spelling = api, usage, spelling
        self._modules: dict[str, list[Model | Enum | Union]] = {}
        for declared in api.types:
            self._modules.setdefault(self.module_of(declared.name), []).append(declared)
        for resource in api.resources:
            if any(asked(method) for method in resource.methods):
                self._modules.setdefault(module_of(resource.path), [])

    def module_of(self, name: str) -> str:
        return file_of(self._usage.group_of(name))

    def modules(self) -> list[str]:
        return sorted(self._modules)

    def text(self, module: str) -> str:
        body: list[str] = []
        needed: set[str] = set()
        for declared in self._modules[module]:
            needed |= {ref for part in parts_of(declared) for ref in refs_of(part)}
            body += ["", *self._declared(declared, documented(module))]
        for resource in self._api.resources:
            if module_of(resource.path) == module:
                for method in resource.methods:
                    needed |= {ref for one in asked(method) for ref in refs_of(one.type)}
                    body += self._params(resource, method)
        return "\n".join([*self._imports(module, needed, body), *body]).lstrip("\n") + "\n"

    def _imports(self, module: str, needed: Iterable[str], body: list[str]) -> list[str]:
        text = "\n".join(body)
        own = [name for name in ("OpenEnum", "UnknownVariant", "Uploadable") if f"{name}" in text]
        lines = [f"import type {{ {', '.join(own)} }} from '../runtime/index.js';"] if own else []
        foreign: dict[str, set[str]] = {}
        for name in needed:
            if (home := self.module_of(name)) != module:
                foreign.setdefault(home, set()).add(self._spelling.public(name))
        lines += [f"import type {{ {', '.join(sorted(found))} }} from './{home}.js';"
                  for home, found in sorted(foreign.items())]  # fmt: skip
        return lines

    def _declared(self, declared: Model | Enum | Union, is_documented: bool) -> list[str]:
        name = self._spelling.public(declared.name)
        is_deprecated = isinstance(declared, Model) and declared.deprecated
        lines = doc(sentence(declared.doc) if is_documented else "", deprecated=is_deprecated)
        match declared:
            case Enum(notes=(_, *_)):
                words = " | ".join(json_string(value) for value in declared.values)
                return [*doc(noted(declared)), f"export type {name} = OpenEnum<{words}>;"]
            case Enum():
                words = " | ".join(json_string(value) for value in declared.values)
                return [*lines, f"export type {name} = OpenEnum<{words or 'never'}>;"]
            case Union():
                only_sent = self._only_sent(declared.name)
                options = [self._spelling.text(variant.type, only_sent=only_sent) for variant in declared.variants]
                if declared.discriminator:
                    options.append(f"UnknownVariant<{json_string(declared.discriminator)}>")
                return [*lines, f"export type {name} = {' | '.join(dict.fromkeys(options))};"]
            case Model():
                return [*lines, f"export interface {name} {{", *self._fields(declared, is_documented), "}"]

    def _fields(self, model: Model, is_documented: bool) -> list[str]:
        lines: list[str] = []
        only_sent = self._only_sent(model.name)
        for field in model.fields:
            lines += doc(_about(field) if is_documented else "", "  ", deprecated=field.deprecated)
            lines.append(f"  {self._property(field, only_sent=only_sent)}")
        if model.extra is not None:
            of = "unknown" if model.fields else self._spelling.text(model.extra, only_sent=only_sent)
            lines.append(f"  [name: string]: {of};")
        return lines

    def _property(self, one: Field | Parameter, *, only_sent: bool) -> str:
        """Absent, null and a value are three states; `undefined` is the same as absent where something is sent."""
        of = self._spelling.text(one.type, only_sent=only_sent)
        name = property_name(one.name)
        if one.required:
            return f"{name}: {of};"
        return f"{name}?: {of} | undefined;" if only_sent and of != "unknown" else f"{name}?: {of};"

    def _params(self, resource: Resource, method: Method) -> list[str]:
        parameters = asked(method)
        if not parameters:
            return []
        name = self._spelling.names.of("type", f"{method.pointer} params")
        lines = ["", f"export interface {name} {{"]
        is_documented = documented(module_of(resource.path))
        for one in parameters:
            lines += doc(_about(one) if is_documented else "", "  ", deprecated=one.deprecated)
            lines.append(f"  {self._property(one, only_sent=True)}")
        return [*lines, "}"]

    def _only_sent(self, name: str) -> bool:
        return name in self._usage.sent and name not in self._usage.received


def _about(one: Field | Parameter) -> str:
    return sentence(one.doc)
