"""What a language makes of an example. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdkgen.examples.data import Call, Path
from sdkgen.ir.nodes import ErrorCode, Field, Method, Model, Parameter, Ref, Resource, Type


@dataclass(frozen=True, slots=True)
class Snippet:
    """`body` are the statements after a client is there, without indentation; `call` the expression alone, empty where
    there is no client; `imports` what the body needs, in the language's own words; `takes` what has to be at hand
    besides the client, as a parameter is declared."""

    imports: tuple[str, ...]
    body: str
    call: str
    is_async: bool = False
    takes: tuple[str, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.call != "" and not self.takes


@dataclass(frozen=True, slots=True)
class Code:
    """A snippet as a function. `imports` are lines that stand above it; `is_alone`: it takes a client alone."""

    name: str
    text: str
    imports: frozenset[str]
    is_alone: bool


class Snippets(Protocol):
    """Of one API and one configuration."""

    def of(self, call: Call) -> Snippet:
        """Raises ExampleError."""

    def reading(self, model: Model, field: Field) -> Snippet:
        """A field of an answer that is at hand, into a variable of its type."""

    def making(self, of: Ref, value: Any) -> Snippet:
        """A value of a declared type that is sent, into a variable of that type. Raises ExampleError."""

    def catching(self, error: ErrorCode) -> Snippet:
        """What is done with an error that is at hand when it is of the class."""

    def program(self, snippet: Snippet, name: str = "Example") -> str:
        """A whole program that can be compiled and run; keys and the address come from the environment."""

    def function(self, name: str, snippet: Snippet) -> Code:
        """`name` in snake case."""

    def file(self, codes: Sequence[Code]) -> str:
        """A source file of these functions, as a compiler takes it beside the package."""

    def place(self, resource: Resource, method: Method) -> str:
        """As it is called: `client.chat.completions.create`."""

    def signature(self, resource: Resource, method: Method) -> str:
        """The declaration, as far as it says more than the table of arguments."""

    def argument(self, method: Method, one: Parameter | Field) -> tuple[str, str]:
        """Name and type in the language."""

    def returns(self, method: Method) -> str:
        """The type of what a call gives, empty for nothing."""

    def error(self, status: int) -> str:
        """The class of errors of a status."""

    def declared(self, name: str) -> str:
        """The public name of a type of the document."""

    def spelled(self, of: Type, *, is_sent: bool = False) -> str:
        """`is_sent`: as callers give it, where that is another spelling."""

    def member(self, model: Model, one: Field, *, is_sent: bool = False) -> tuple[str, str]:
        """Name and type of a field. `is_sent`: of a model that is sent and never received."""


BUILTIN = frozenset({"client", "file", "gateway", "list", "print", "type"})
"""What a variable is better not called."""


def ordered(imports: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(imports)))


def indented(code: str, indent: str) -> str:
    return "\n".join(f"{indent}{line}" if line else "" for line in code.split("\n"))


def each_parts(path: Path) -> list[Path]:
    """`("choices", "*", "delta", "content")` → the list, and what is below an item of it."""
    parts: list[list[str | int]] = [[]]
    for one in path:
        if one == "*":
            parts.append([])
        else:
            parts[-1].append(one)
    return [tuple(one) for one in parts]


def singular(word: str, taken: Collection[str]) -> str:
    """The name of one of several: `choices` → `choice`, `api_keys` → `key`, `data` → `item`."""
    last = word.rpartition("_")[2]
    if last.endswith("ies"):
        found = last[:-3] + "y"
    else:
        found = last[:-1] if last.endswith("s") and not last.endswith("ss") else ""
    return found if found.isidentifier() and found not in taken and found not in BUILTIN else "item"
