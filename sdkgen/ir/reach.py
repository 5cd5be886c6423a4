"""Which types a type or a method needs. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from sdkgen.ir.nodes import Declaration, ListOf, MapOf, Method, Model, Nullable, Ref, Type, Union


def refs_of(of: Type | None) -> Iterator[str]:
    """Names that a type refers to directly."""
    match of:
        case Ref(name):
            yield name
        case ListOf(inner) | MapOf(inner) | Nullable(inner):
            yield from refs_of(inner)


def parts_of(declared: Declaration) -> Iterator[Type]:
    match declared:
        case Model():
            yield from (field.type for field in declared.fields)
            if declared.extra is not None:
                yield declared.extra
        case Union():
            yield from (variant.type for variant in declared.variants)


def closure(roots: Iterable[str], types: Mapping[str, Declaration]) -> set[str]:
    """The types, and all that they need."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [ref for part in parts_of(types[name]) for ref in refs_of(part)]
    return found


def sent_by(method: Method) -> set[str]:
    roots = {ref for one in method.parameters for ref in refs_of(one.type)}
    return roots | set(refs_of(method.body.type if method.body else None))


def received_by(method: Method) -> set[str]:
    roots = {ref for one in method.answers for ref in refs_of(one.type)}
    return roots | set(refs_of(method.stream.event if method.stream else None))
