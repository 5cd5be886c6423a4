"""Pieces of callers' code in Java. Pure."""

import re
from collections.abc import Sequence

from sdkgen.ir.nodes import Api, Field, Method, Model, Nullable
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import java_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.pieces import (
    Call,
    Catch,
    Code,
    Given,
    Make,
    Piece,
    Read,
    Word,
    bodied,
    filled,
    given,
    inner,
    sample,
)
from sdkgen.languages.java.naming import OF_MODELS, OF_OBJECTS, asked, field_name, identifier, method_name
from sdkgen.languages.java.types import IMPORTS, Spelling

CLIENT = "LlmGateway"
TAKEN = frozenset({"gateway", "request", "answer", "item", "params", "error", "found", "made", "word"})


class Pieces:
    """See `sdkgen.languages.base.pieces.PieceWriter`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._module = api, names, config.module
        self._spelling = Spelling.of(api, names)

    def function(self, name: str, piece: Piece) -> Code:
        arguments: list[str] = []
        match piece:
            case Call():
                lines = self._call(piece, arguments)
                arguments.insert(0, f"{CLIENT} gateway")
            case Read(model, field):
                arguments.append(f"{self._spelling.public(model.name)} answer")
                lines = self._read(model, field)
            case Make(model, names):
                made = self._made(model, filled(model, names), arguments)
                lines = [f"var made = {made};", "System.out.println(made);"]
            case Word(enum, value):
                member = self._names.of("member", f"{enum.pointer} {value}")
                public = self._spelling.public(enum.name)
                lines = [f"{public} word = {public}.{member};", "System.out.println(word);"]
            case Catch(error):
                arguments.append("Exception error")
                lines = [f"if (error instanceof {self._module}.errors.{error.name}Exception found) {{",
                         "    System.out.println(found.requestId());", "}"]  # fmt: skip
        head = f"static void {camel(name)}({', '.join(arguments)}) {{"
        text = "\n".join([head, *(f"    {line}" for line in lines), "}"]) + "\n"
        return Code(camel(name), text, frozenset(self._imports(text)), isinstance(piece, Call) and len(arguments) == 1)

    def file(self, codes: Sequence[Code]) -> str:
        imports = sorted({line for code in codes for line in code.imports})
        body = "\n".join(code.text for code in codes)
        inside = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
        return "\n".join(
            [*imports, "", "final class Example {", "    private Example() {", "    }", "", inside, "}", ""]
        )

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _call(self, piece: Call, arguments: list[str]) -> list[str]:
        method = piece.method
        found = given(self._api, piece)
        said = [self._value(one, arguments) for one in found if one.where == "path"]
        lines: list[str] = []
        if method.body is not None:
            said += self._body(piece, found, arguments, lines)
        params = [one for one in found if one.where == "params"]
        if asked(method) and (params or (said and said[-1] == "request" and not self._is_needed(method))):
            said.append(self._params(method, params, arguments))
        place = "".join(f".{identifier(part, OF_OBJECTS)}()" for part in piece.path)
        call = f"gateway{place}.{method_name(self._names, method)}({', '.join(said)})"
        if method.pagination:
            return [*lines, f"for (var item : {call}.all()) {{", "    System.out.println(item);", "}"]
        if method.answers[0].content == "none" or method.answers[0].type is None:
            return [*lines, f"{call};"]
        lines.append(f"var answer = {call};")
        if piece.reads is None or piece.answer is None:
            return [*lines, "System.out.println(answer);"]
        return [*lines, *self._read(piece.answer, piece.reads)]

    def _is_needed(self, method: Method) -> bool:
        return method.body is not None and (method.body.required or bodied(self._api, method) is None)

    def _body(self, piece: Call, found: list[Given], arguments: list[str], lines: list[str]) -> list[str]:
        model = bodied(self._api, piece.method)
        if model is None:
            return [self._value(one, arguments) for one in found if one.where == "whole"]
        fields = [one for one in found if one.where == "field"]
        if not fields and not self._is_needed(piece.method):
            return ["null"] if any(one.where == "params" for one in found) else []
        lines.append(f"var request = {self._made(model, fields, arguments)};")
        return ["request"]

    def _params(self, method: Method, params: list[Given], arguments: list[str]) -> str:
        name = self._names.of("type", f"{method.pointer}/parameters")
        needed = [self._value(one, arguments) for one in params if one.required]
        is_needed = any(one.required for one in asked(method))
        made = f"{name}.of({', '.join(needed)})" if is_needed else f"{name}.NONE"
        for one in params:
            if not one.required:
                made += f".{identifier(one.name, OF_MODELS)}({self._value(one, arguments)})"
        return made

    def _made(self, model: Model, fields: Sequence[Given], arguments: list[str]) -> str:
        needed = [self._value(one, arguments) for one in fields if one.required]
        made = f"{self._spelling.public(model.name)}.of({', '.join(needed)})"
        for one in fields:
            if not one.required and one.field is not None:
                made += f".{field_name(self._names, model, one.field)}({self._value(one, arguments)})"
        return made

    def _read(self, model: Model, field: Field) -> list[str]:
        inside = inner(field.type)
        is_nullable = isinstance(field.type, Nullable)
        if field.required and not is_nullable:
            spelled = self._spelling.plain(inside)
        elif field.required or not is_nullable:
            spelled = f"Optional<{self._spelling.boxed(inside)}>"
        else:
            spelled = f"Maybe<{self._spelling.boxed(inside)}>"
        variable = identifier(field.name, TAKEN)
        accessor = field_name(self._names, model, field)
        return [f"{spelled} {variable} = answer.{accessor}();", f"System.out.println({variable});"]

    def _value(self, one: Given, arguments: list[str]) -> str:
        found = sample(one)
        if isinstance(found, bool):
            return str(found).lower()
        if found is not None:
            return (
                java_string(found) if isinstance(found, str) else f"{found}L" if isinstance(found, int) else str(found)
            )
        variable = identifier(one.name, TAKEN)
        of = one.type if one.required else inner(one.type)
        arguments.append(f"{self._spelling.plain(of)} {variable}")
        return variable

    def _imports(self, text: str) -> set[str]:
        own = {self._spelling.public(declared.name) for declared in self._api.types}
        found = set()
        for word in set(re.findall(r"(?<![\w.\"])[A-Z]\w*", text)):
            if word == CLIENT:
                found.add(f"import {self._module}.{word};")
            elif word in ("Maybe", "JsonValue"):
                found.add(f"import {self._module}.json.{word};")
            elif word == "FileUpload":
                found.add(f"import {self._module}.core.{word};")
            elif word in own or word.endswith("Params"):
                found.add(f"import {self._module}.models.{word};")
            elif word in IMPORTS:
                found.add(f"import {IMPORTS[word]};")
        return found
