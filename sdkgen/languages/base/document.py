"""What is to be said of the chosen part of a document, and how it names things. Pure.

`sdkgen.ir` refuses a document that no client can be made of; this looks at a representation, wherever it came from.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from sdkgen.ir.nodes import AnyValue, Api, Enum, ListOf, Method, Model, Ref, Union
from sdkgen.ir.reach import closure, received_by, sent_by
from sdkgen.languages.base.names import Name


class Problem(NamedTuple):
    """`pointer` is one into the document; `fix` says what to do there."""

    level: Literal["error", "warning", "suggestion"]
    code: str
    message: str
    pointer: str
    fix: str


def problems(part: Api, whole: Api | None) -> Iterator[Problem]:
    """`whole`: where types that nothing uses are looked for; a part has none."""
    methods = [method for resource in part.resources for method in resource.methods]
    types = {declared.name: declared for declared in part.types}
    ids = Counter(method.id for method in methods)
    for method in methods:
        if ids[method.id] > 1:
            yield Problem(
                "error",
                "duplicate_operation",
                f"{ids[method.id]} operations have the id {method.id}.",
                method.pointer,
                "Give each operationId once.",
            )
        yield from _of_path(method)
        if method.stream is not None and isinstance(method.stream.event, AnyValue):
            yield Problem(
                "warning",
                "untyped_events",
                f"The events of {method.id} have no schema.",
                method.stream.pointer,
                "Declare the schema of its events.",
            )
        yield from _of_pages(method, types)
    read = closure({name for one in methods for name in received_by(one)}, types)
    for declared in part.types:
        if isinstance(declared, Union) and not declared.discriminator and declared.name in read:
            yield from _of_union(declared, types)
        elif isinstance(declared, Model):
            yield from _twins(declared.pointer, "fields", [field.name for field in declared.fields])
        elif isinstance(declared, Enum):
            yield from _twins(declared.pointer, "words", declared.values)
    if whole is not None:
        used = closure({name for one in methods for name in sent_by(one) | received_by(one)}, types)
        if unused := [declared for declared in whole.types if declared.name not in used]:
            yield Problem(
                "suggestion",
                "unused_type",
                f"No operation refers to {len(unused)} types, such as {unused[0].name}.",
                unused[0].pointer,
                "Choose operations: what they do not reach is left out.",
            )


def _of_path(method: Method) -> Iterator[Problem]:
    declared = {one.name for one in method.parameters if one.where == "path"}
    for name in re.findall(r"\{(\w+)\}", method.path):
        if name not in declared:
            yield Problem(
                "error",
                "undeclared_parameter",
                f"The path of {method.id} has {{{name}}}, which is not declared.",
                method.pointer,
                f"Declare the path parameter {name}.",
            )


def _of_pages(method: Method, types: dict[str, Model | Enum | Union]) -> Iterator[Problem]:
    page = method.pagination
    if page is None:
        return
    answer = method.answers[0].type if method.answers else None
    model = types.get(answer.name) if isinstance(answer, Ref) else None
    fields = {one.name: one.type for one in model.fields} if isinstance(model, Model) else {}
    wrong = [name for name in (page.items, page.more) if name not in fields]
    if not wrong and not isinstance(fields[page.items], ListOf):
        wrong.append(page.items)
    if page.next not in {one.name for one in method.parameters}:
        wrong.append(page.next)
    if wrong:
        yield Problem(
            "error",
            "pagination_field",
            f"Pages of {method.id} need {', '.join(wrong)}, which there is not.",
            method.pointer,
            "Declare the fields of the answer and the parameter that x-sdk.pagination names.",
        )


def _of_union(union: Union, types: dict[str, Model | Enum | Union]) -> Iterator[Problem]:
    """Variants are tried in their order: a later one that an earlier one takes is never seen."""
    before: list[tuple[str, frozenset[str]]] = []
    for variant in union.variants:
        declared = types.get(variant.type.name) if isinstance(variant.type, Ref) else None
        if not isinstance(declared, Model):
            continue
        required = frozenset(field.name for field in declared.fields if field.required)
        for name, fewer in before:
            if fewer <= required:
                yield Problem(
                    "warning",
                    "overlapping_variants",
                    f"Of {union.name}, whatever is {declared.name} is read as {name}, which is tried before.",
                    union.pointer,
                    "Give the union a discriminator, or put what requires more fields first.",
                )
                break
        before.append((declared.name, required))


def _twins(pointer: str, what: str, names: Iterable[str]) -> Iterator[Problem]:
    """Names that are one once case and punctuation are gone, as in most languages."""
    seen: dict[str, str] = {}
    for name in names:
        folded = _folded(name)
        first = seen.setdefault(folded, name) if folded else name
        if first != name:
            yield Problem(
                "warning",
                "same_when_folded",
                f"The {what} {first} and {name} differ in case or signs only.",
                pointer,
                "Rename one of them: some languages would give both one name.",
            )


def _folded(name: str) -> str:
    """Signs that stand for something (`-created_at`, `>=`) are kept."""
    sign = re.match(r"[^\w\s]*", name)
    return (sign[0] if sign else "") + re.sub(r"[\W_]", "", name).lower()


def renamed(part: Api, proposed: Iterable[Name]) -> list[tuple[str, str]]:
    """(name of the document, name in the language) where they differ in more than case and signs; of methods and
    types. A suffix by rule (`Param`, `Args`) is no other name."""
    wires = {declared.pointer: declared.name for declared in part.types}
    wires |= {method.pointer: method.name for resource in part.resources for method in resource.methods}
    found = []
    for name in proposed:
        wire = wires.get(name.pointer)
        own = name.text.rpartition(".")[2]
        if not wire or name.kind not in ("method", "type"):
            continue
        is_other = _folded(own) not in (_folded(wire), f"i{_folded(wire)}")  # interfaces of C# begin with an I
        if is_other or (name.kind == "method" and own.endswith("_")):
            found.append((wire, own))
    return sorted(set(found))
