"""Pieces of callers' code in TypeScript. Pure."""

import re
from collections.abc import Sequence

from sdkgen.ir.nodes import Api, Field
from sdkgen.languages.base.casing import camel
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import json_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.pieces import Call, Catch, Code, Given, Make, Piece, Read, Word, filled, given, sample
from sdkgen.languages.typescript.naming import CLIENT, argument, asked, called, property_name
from sdkgen.languages.typescript.resources import answer_kind
from sdkgen.languages.typescript.types import Spelling, literal


class Pieces:
    """See `sdkgen.languages.base.pieces.PieceWriter`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._package = api, names, config.package
        self._spelling = Spelling.of(api, names)

    def function(self, name: str, piece: Piece) -> Code:
        arguments: list[str] = []
        imports: set[str] = set()
        match piece:
            case Call():
                lines = self._call(piece, arguments)
                imports.add(f"import type {{ {CLIENT} }} from {json_string(self._package)};")
                arguments.insert(0, f"client: {CLIENT}")
            case Read(model, field):
                arguments.append(f"answer: G.{self._spelling.public(model.name)}")
                lines = self._read(field)
            case Make(model, names):
                made = self._object(filled(model, names, with_constants=True), arguments)
                lines = [f"const made: G.{self._spelling.public(model.name)} = {made};", "console.log(made);"]
            case Word(enum, value):
                public = self._spelling.public(enum.name)
                lines = [f"const word: G.{public} = {json_string(value)};", "console.log(word);"]
            case Catch(error):
                public = self._names.of("type", f"error:{error.code}")
                imports.add(f"import {{ {public} }} from {json_string(self._package)};")
                arguments.append("error: unknown")
                lines = [f"if (error instanceof {public}) console.log(error.requestId);"]
        is_call = isinstance(piece, Call)
        head = f"export {'async ' if is_call else ''}function {camel(name)}({', '.join(arguments)})"
        head += ": Promise<void> {" if is_call else ": void {"
        text = "\n".join([head, *(f"  {line}" for line in lines), "}"]) + "\n"
        if "G." in text:
            imports.add(f"import type * as G from {json_string(self._package)};")
        return Code(camel(name), text, frozenset(imports), is_call and len(arguments) == 1)

    def file(self, codes: Sequence[Code]) -> str:
        imports = sorted({line for code in codes for line in code.imports})
        return "\n".join([*imports, *([""] if imports else []), "\n".join(code.text for code in codes)])

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _call(self, piece: Call, arguments: list[str]) -> list[str]:
        method = piece.method
        found = given(self._api, piece, with_constants=True)
        said = [self._value(one, arguments) for one in found if one.where == "path"]
        fields = [one for one in found if one.where == "field"]
        params = [one for one in found if one.where == "params"]
        if whole := [one for one in found if one.where == "whole"]:
            said.append(self._value(whole[0], arguments))
        elif method.body is not None and (method.body.required or fields):
            said.append(self._object(fields, arguments))
        elif method.body is not None and params:
            said.append("undefined")
        if params and asked(method):
            said.append(self._object(params, arguments))
        call = f"client.{called(self._names, piece.path, method)}({', '.join(said)})"
        if method.pagination:
            return [f"for await (const item of {call}) console.log(item);"]
        if answer_kind(method) not in ("json", "text", "binary"):
            return [f"await {call};"]
        first = [f"const answer = await {call};"]
        return [*first, *(self._read(piece.reads) if piece.reads is not None else ["console.log(answer);"])]

    def _read(self, field: Field) -> list[str]:
        spelled = self._spelling.text(field.type, "G.") + ("" if field.required else " | undefined")
        name = property_name(field.name)
        access = f"answer.{name}" if name == field.name else f"answer[{name}]"
        variable = argument(field.name)
        variable = variable + "_" if variable in ("answer", "client") else variable
        return [f"const {variable}: {spelled} = {access};", f"console.log({variable});"]

    def _object(self, fields: Sequence[Given], arguments: list[str]) -> str:
        pairs = []
        for one in fields:
            name, value = property_name(one.name), self._value(one, arguments)
            pairs.append(name if name == value else f"{name}: {value}")
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"

    def _value(self, one: Given, arguments: list[str]) -> str:
        found = sample(one)
        if found is not None:
            return str(found) if isinstance(found, float) else literal(found)
        variable = argument(one.name)
        variable = variable + "_" if variable in ("answer", "client") else variable
        spelled = re.sub(r"\bUploadable\b", "G.Uploadable", self._spelling.text(one.type, "G.", only_sent=True))
        arguments.append(f"{variable}: {spelled}")
        return variable
