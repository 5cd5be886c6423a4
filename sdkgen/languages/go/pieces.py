"""Pieces of callers' code in Go. Pure."""

import re
from collections.abc import Sequence

from sdkgen.ir.nodes import Api, Field, Model
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import go_string
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
    sample,
)
from sdkgen.languages.go.naming import argument, exported
from sdkgen.languages.go.types import Spelling

TAKEN = frozenset({"answer", "client", "ctx", "err", "gateway", "made", "word", "fmt", "errors", "context", "items"})
OPTIONAL = {str: "String", bool: "Bool", int: "Int", float: "Float"}


class Pieces:
    """See `sdkgen.languages.base.pieces.PieceWriter`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._package = api, names, config.package
        self._spelling = Spelling.of(api, names)

    def function(self, name: str, piece: Piece) -> Code:
        arguments: list[str] = []
        returns = ""
        match piece:
            case Call():
                lines = self._call(piece, arguments)
                arguments[:0] = ["ctx context.Context", "client *gateway.Client"]
                returns = " error"
            case Read(model, field):
                arguments.append(f"answer gateway.{self._spelling.public(model.name)}")
                lines = self._read(model, field)
            case Make(model, names):
                lines = [f"made := {self._made(model, filled(model, names), arguments)}", "fmt.Println(made)"]
            case Word(enum, value):
                member = self._names.of("member", f"{enum.pointer} {value}")
                lines = [f"word := gateway.{member}", "fmt.Println(word)"]
            case Catch(error):
                member = self._names.of("member", f"#/x-sdk/errors/{error.code}")
                arguments.append("err error")
                lines = [f"if errors.Is(err, gateway.{member}) {{", "\tfmt.Println(err)", "}"]
        function = argument(name)
        head = f"func {function}({', '.join(arguments)}){returns} {{"
        text = "\n".join([head, *(f"\t{line}" for line in lines), "}"]) + "\n"
        imports = {f'"{one}"' for one in ("context", "errors", "fmt", "time") if re.search(rf"\b{one}\.", text)}
        imports.add(f'gateway "{self._package}"')
        return Code(function, text, frozenset(imports), isinstance(piece, Call) and len(arguments) == 2)

    def file(self, codes: Sequence[Code]) -> str:
        found = {line for code in codes for line in code.imports}
        standard = sorted(f"\t{line}" for line in found if not line.startswith("gateway"))
        others = sorted(f"\t{line}" for line in found if line.startswith("gateway"))
        head = ["package main", "", "import (", *standard, *([""] if standard else []), *others, ")", ""]
        return "\n".join([*head, "\n".join(code.text for code in codes)])

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _call(self, piece: Call, arguments: list[str]) -> list[str]:
        method = piece.method
        found = given(self._api, piece)
        in_path = sorted(
            (one for one in found if one.where == "path"), key=lambda one: method.path.index("{" + one.name + "}")
        )
        said = ["ctx", *(self._value(one, arguments) for one in in_path)]
        if method.body is not None:
            said.append(self._body(piece, found, arguments))
        if any(one.where != "path" for one in method.parameters):
            name = self._names.of("type", f"{method.pointer} params")
            said.append(self._struct(name, [one for one in found if one.where == "params"], arguments))
        place = ".".join(exported(part) for part in piece.path)
        name = self._names.of("method", method.pointer).rpartition(".")[2]
        call = f"client.{place}.{name}({', '.join(said)})"
        if all(one.content == "none" or one.type is None for one in method.answers):
            return [f"return {call}"]
        failed = [f"answer, err := {call}", "if err != nil {", "\treturn err", "}"]
        if piece.reads is None or piece.answer is None:
            return [*failed, "fmt.Println(answer)", "return nil"]
        return [*failed, *self._read(piece.answer, piece.reads), "return nil"]

    def _body(self, piece: Call, found: list[Given], arguments: list[str]) -> str:
        body, model = piece.method.body, bodied(self._api, piece.method)
        assert body is not None
        if model is None:
            return next((self._value(one, arguments) for one in found if one.where == "whole"), "nil")
        fields = [one for one in found if one.where == "field"]
        if not body.required and not fields:
            return "nil"
        return ("" if body.required else "&") + self._made(model, fields, arguments)

    def _made(self, model: Model, fields: Sequence[Given], arguments: list[str]) -> str:
        return self._struct(self._spelling.public(model.name), fields, arguments)

    def _struct(self, name: str, fields: Sequence[Given], arguments: list[str]) -> str:
        pairs = [f"{self._field(one)}: {self._value(one, arguments)}" for one in fields]
        return f"gateway.{name}{{{', '.join(pairs)}}}"

    def _field(self, one: Given) -> str:
        return self._spelling.field_name(one.field) if one.field is not None else exported(one.name)

    def _read(self, model: Model, field: Field) -> list[str]:
        variable = self._variable(field.name)
        spelled = _qualified(self._spelling.field(model, field))
        return [f"var {variable} {spelled} = answer.{self._spelling.field_name(field)}", f"fmt.Println({variable})"]

    def _value(self, one: Given, arguments: list[str]) -> str:
        is_bare = one.where in ("path", "whole")
        place = self._spelling.go(one.type) if is_bare else self._spelling.place(one.type, required=one.required)
        found = sample(one)
        if found is None:
            variable = self._variable(one.name)
            arguments.append(f"{variable} {_qualified(place)}")
            return variable
        text = go_string(found) if isinstance(found, str) else str(found).lower()
        return f"gateway.{OPTIONAL[type(found)]}({text})" if place.startswith("Opt[") else text

    def _variable(self, name: str) -> str:
        variable = argument(name)
        return variable + "Value" if variable in TAKEN else variable


def _qualified(spelled: str) -> str:
    """A type as another package writes it."""
    return re.sub(r"(?<![\w.])([A-Z]\w*)", r"gateway.\1", spelled)
