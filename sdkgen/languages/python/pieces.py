"""Pieces of callers' code in Python. Pure."""

import re
from collections.abc import Sequence

from sdkgen.ir.names import snake
from sdkgen.ir.nodes import Api, Enum, Field
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import python_string
from sdkgen.languages.base.names import Names
from sdkgen.languages.base.pieces import Call, Catch, Code, Given, Make, Piece, Read, Word, filled, given, refs, sample
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.python.naming import OF_CALLS, attribute, field_name
from sdkgen.languages.python.types import Spelling, optional

_STANDARD = {
    "Any": "typing", "Literal": "typing", "Mapping": "collections.abc", "Sequence": "collections.abc",
    "Decimal": "decimal", "datetime": "datetime", "date": "datetime",
}  # fmt: skip


class Pieces:
    """See `sdkgen.languages.base.pieces.PieceWriter`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._module = api, names, config.module
        self._spelling, self._usage = Spelling.of(api, names), usage_of(api)

    def function(self, name: str, piece: Piece) -> Code:
        imports: set[str] = set()
        arguments: list[str] = []
        lines: list[str] = []
        match piece:
            case Call():
                imports.add(f"from {self._module} import Gateway")
                lines = self._call(piece, arguments, imports)
                arguments.insert(0, "client: Gateway")
            case Read(model, field):
                arguments.append(f"answer: {self._received_name(model.name, imports)}")
                lines = self._read(field, imports)
            case Make(model, names):
                public = self._spelling.public_sent(model.name)
                self._import(model.name, imports, is_sent=True)
                pairs = [f"{python_string(one.name)}: {self._value(one, arguments, imports)}"
                         for one in filled(model, names, with_constants=True)]  # fmt: skip
                lines = [f"made: {public} = {{{', '.join(pairs)}}}", "print(made)"]
            case Word(enum, value):
                lines = [f"word: {self._received_name(enum.name, imports)} = {python_string(value)}", "print(word)"]
            case Catch(error):
                imports.add(f"from {self._module} import errors")
                arguments.append("error: Exception")
                lines = [f"if isinstance(error, errors.{error.name}):", "    print(error.request_id)"]
        head = f"def {name}({', '.join(arguments)}) -> None:"
        text = "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"
        return Code(name, text, frozenset(imports), isinstance(piece, Call) and len(arguments) == 1)

    def file(self, codes: Sequence[Code]) -> str:
        imports = sorted({line for code in codes for line in code.imports})
        return "\n".join([*imports, *([""] * 2 if imports else []), "\n\n".join(code.text for code in codes)])

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _call(self, piece: Call, arguments: list[str], imports: set[str]) -> list[str]:
        said = []
        for one in given(self._api, piece, with_constants=True):
            value = self._value(one, arguments, imports)
            name = "body" if one.where == "whole" else attribute(one.name, OF_CALLS)
            said.append(value if one.where == "path" else f"{name}={value}")
        place = ".".join(attribute(part, frozenset()) for part in piece.path)
        name = self._names.of("method", piece.method.pointer).rpartition(".")[2]
        call = f"client.{place}.{name}({', '.join(said)})"
        if piece.method.pagination:
            return [f"for item in {call}:", "    print(item)"]
        if all(answer.content == "none" or answer.type is None for answer in piece.method.answers):
            return [call]
        if piece.reads is None or piece.answer is None:
            return [f"answer = {call}", "print(answer)"]
        return [f"answer = {call}", *self._read(piece.reads, imports, piece)]

    def _read(self, field: Field, imports: set[str], piece: Call | None = None) -> list[str]:
        model = piece.answer if piece is not None else None
        name = field_name(self._names, model, field) if model is not None else attribute(field.name)
        spelled = self._spelling.received(field.type)
        spelled = spelled if field.required else optional(spelled)
        for ref in refs(field.type):
            self._import(ref, imports)
        self._standard(spelled, imports)
        variable = attribute(snake(field.name), frozenset({"answer", "print", "client"}))
        return [f"{variable}: {spelled} = answer.{name}", f"print({variable})"]

    def _value(self, one: Given, arguments: list[str], imports: set[str]) -> str:
        found = sample(one)
        if found is not None:
            return python_string(found) if isinstance(found, str) else repr(found)
        variable = attribute(snake(one.name), frozenset({"client", "print", "answer", "made"}))
        spelled = self._spelling.sent(one.type)
        for ref in refs(one.type):
            self._import(ref, imports, is_sent=True)
        self._standard(spelled, imports)
        if spelled == "_File":
            spelled = "bytes"
        arguments.append(f"{variable}: {spelled}")
        return variable

    def _received_name(self, name: str, imports: set[str]) -> str:
        self._import(name, imports)
        return self._spelling.public(name)

    def _import(self, name: str, imports: set[str], *, is_sent: bool = False) -> None:
        is_param = is_sent and not isinstance(self._spelling.types[name], Enum)
        public = self._spelling.public_sent(name) if is_sent else self._spelling.public(name)
        group = self._usage.group_of(name)
        imports.add(f"from {self._module}.{'params' if is_param else 'types'}.{group} import {public}")

    def _standard(self, spelled: str, imports: set[str]) -> None:
        for word in re.findall(r"\w+", spelled):
            if word in _STANDARD:
                imports.add(f"from {_STANDARD[word]} import {word}")
