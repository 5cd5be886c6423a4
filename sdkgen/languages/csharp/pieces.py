"""Pieces of callers' code in C#. Pure."""

from collections.abc import Sequence

from sdkgen.ir.nodes import Api, Field, Model, Nullable
from sdkgen.languages.base.casing import pascal
from sdkgen.languages.base.config import Config
from sdkgen.languages.base.escaping import csharp_string
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
from sdkgen.languages.base.usage import usage_of
from sdkgen.languages.csharp.naming import argument, escaped, property_of
from sdkgen.languages.csharp.types import Types

TAKEN = frozenset({"answer", "client", "item", "made", "word", "error", "found"})
USINGS = ("System", "System.Collections.Generic", "System.Threading.Tasks")


class Pieces:
    """See `sdkgen.languages.base.pieces.PieceWriter`."""

    def __init__(self, api: Api, names: Names, config: Config) -> None:
        self._api, self._names, self._namespace = api, names, config.module
        self._types = Types({one.name: one for one in api.types}, names, usage_of(api), config.module)

    def function(self, name: str, piece: Piece) -> Code:
        arguments: list[str] = []
        match piece:
            case Call():
                lines = self._call(piece, arguments)
                arguments.insert(0, "GatewayClient client")
            case Read(model, field):
                arguments.append(f"{self._types.name(model)} answer")
                lines = self._read(model, field)
            case Make(model, names):
                made = self._made(f"new {self._types.name(model)}", filled(model, names), arguments)
                lines = [f"var made = {made};", "Console.WriteLine(made);"]
            case Word(enum, value):
                member = self._names.of("member", f"{enum.pointer}/enum/{escaped(value)}")
                lines = [f"var word = {self._types.name(enum)}.{member};", "Console.WriteLine(word);"]
            case Catch(error):
                arguments.append("Exception error")
                lines = [f"if (error is {error.name}Exception found) Console.WriteLine(found.RequestId);"]
        is_call = isinstance(piece, Call)
        head = f"public static {'async Task' if is_call else 'void'} {pascal(name)}({', '.join(arguments)})"
        text = "\n".join([head, "{", *(f"    {line}" for line in lines), "}"]) + "\n"
        return Code(pascal(name), text, frozenset(), is_call and len(arguments) == 1)

    def file(self, codes: Sequence[Code]) -> str:
        usings = [f"using {one};" for one in (*USINGS, self._namespace)]
        body = "\n".join(code.text for code in codes)
        inside = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
        return "\n".join([*usings, "", "public static class Example", "{", inside, "}", ""])

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _call(self, piece: Call, arguments: list[str]) -> list[str]:
        method = piece.method
        found = given(self._api, piece)
        said = [self._value(one, arguments) for one in found if one.where == "path"]
        fields = [one for one in found if one.where == "field"]
        params = [one for one in found if one.where == "params"]
        if whole := [one for one in found if one.where == "whole"]:
            said.append(self._value(whole[0], arguments))
        elif method.body is not None and bodied(self._api, method) is not None and (method.body.required or fields):
            said.append(self._made("new()", fields, arguments))
        if params:
            said.append(f"query: {self._made('new()', params, arguments)}")
        place = ".".join(pascal(part) for part in piece.path)
        call = f"await client.{place}.{self._names.of('method', method.pointer)}Async({', '.join(said)})"
        if method.pagination:
            return [f"await foreach (var item in {call}) Console.WriteLine(item);"]
        if not method.answers or method.answers[0].content == "none":
            return [f"{call};"]
        first = [f"var answer = {call};"]
        if piece.reads is None or piece.answer is None:
            return [*first, "Console.WriteLine(answer);"]
        return [*first, *self._read(piece.answer, piece.reads)]

    def _made(self, head: str, fields: Sequence[Given], arguments: list[str]) -> str:
        pairs = [f"{self._property(one)} = {self._value(one, arguments)}" for one in fields]
        if pairs:
            return f"{head} {{ {', '.join(pairs)} }}"
        return head if head.endswith(")") else f"{head}()"

    def _property(self, one: Given) -> str:
        if one.field is not None:
            return self._names.of("field", one.field.pointer)
        return property_of(one.name, "")

    def _read(self, model: Model, field: Field) -> list[str]:
        code = self._types.code(inner(field.type))
        is_nullable = isinstance(field.type, Nullable)
        if not field.required or is_nullable:
            code += "?"
            if not self._types.is_view(model) and is_nullable and not field.required:
                code = f"Optional<{code}>"
        variable = self._variable(field.name)
        name = self._names.of("field", field.pointer)
        return [f"{code} {variable} = answer.{name};", f"Console.WriteLine({variable});"]

    def _value(self, one: Given, arguments: list[str]) -> str:
        found = sample(one)
        if isinstance(found, bool):
            return str(found).lower()
        if found is not None:
            return csharp_string(found) if isinstance(found, str) else str(found)
        variable = self._variable(one.name)
        of = one.type if one.required else inner(one.type)
        arguments.append(f"{self._types.code(of)} {variable}")
        return variable

    def _variable(self, name: str) -> str:
        variable = argument(name)
        return variable + "Value" if variable.lstrip("@") in TAKEN else variable
