"""The types of an API as one language spells them: fields, words, variants, and where each is used. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sdkgen.documentation.limits import default_of, limits_of
from sdkgen.examples.data import place_of
from sdkgen.ir.nodes import Api, Declaration, Enum, Field, Model, Type, Union
from sdkgen.ir.reach import parts_of, received_by, refs_of, sent_by
from sdkgen.languages.base.escaping import one_line
from sdkgen.languages.base.snippets import Snippets
from sdkgen.languages.base.usage import usage_of

OBJECT, WORDS, UNION = "object", "words", "union"
KINDS = (OBJECT, WORDS, UNION)


@dataclass(frozen=True, slots=True)
class FieldPage:
    """`name` and `type` are the language's, `wire` is the document's. `default` is JSON, empty when unsaid. `types` are
    ids of the types that `type` names."""

    name: str
    wire: str
    type: str
    required: bool
    default: str
    constraint: str
    doc: str
    deprecated: bool
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordPage:
    """One of the known words; a reader keeps others as they are."""

    value: str
    doc: str


@dataclass(frozen=True, slots=True)
class VariantPage:
    """`tag`: what the discriminator says of it; empty in a union without one."""

    type: str
    tag: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypePage:
    """`id` is the document's name, equal in every language; `name` the language's. `extra`: the type of further fields,
    empty when the document says none. `methods` are the places in a client that send or give it, `types` the types
    that hold it: both of direct use."""

    id: str
    name: str
    kind: str
    doc: str
    deprecated: bool
    is_sent: bool
    is_received: bool
    discriminator: str
    extra: str
    fields: tuple[FieldPage, ...]
    words: tuple[WordPage, ...]
    variants: tuple[VariantPage, ...]
    methods: tuple[str, ...]
    types: tuple[str, ...]


def types(api: Api, snippets: Snippets) -> Iterator[TypePage]:
    """All, by id."""
    writer = _Types(api, snippets)
    return (writer.page(declared) for declared in api.types)


class _Types:
    def __init__(self, api: Api, snippets: Snippets) -> None:
        self._snippets = snippets
        self._usage = usage_of(api)
        self._methods = _users(
            (place_of(resource, method), sent_by(method) | received_by(method))
            for resource in api.resources
            for method in resource.methods
        )
        self._types = _users(
            (declared.name, {ref for part in parts_of(declared) for ref in refs_of(part)}) for declared in api.types
        )

    def page(self, declared: Declaration) -> TypePage:
        name = declared.name
        is_received = name in self._usage.received
        only_sent = not is_received and name in self._usage.sent
        is_model, is_union = isinstance(declared, Model), isinstance(declared, Union)
        extra = declared.extra if isinstance(declared, Model) else None
        return TypePage(
            id=name, name=self._snippets.declared(name), kind=OBJECT if is_model else UNION if is_union else WORDS,
            doc=declared.doc, deprecated=isinstance(declared, Model) and declared.deprecated,
            is_sent=name in self._usage.sent, is_received=is_received,
            discriminator=declared.discriminator if isinstance(declared, Union) else "",
            extra=self._snippets.spelled(extra, is_sent=only_sent) if extra is not None else "",
            fields=tuple(self._fields(declared, only_sent)) if isinstance(declared, Model) else (),
            words=tuple(WordPage(*one) for one in declared.noted()) if isinstance(declared, Enum) else (),
            variants=tuple(self._variants(declared, only_sent)) if isinstance(declared, Union) else (),
            methods=self._methods.get(name, ()), types=self._types.get(name, ()),
        )  # fmt: skip

    def _fields(self, model: Model, only_sent: bool) -> Iterator[FieldPage]:
        for one in sorted(model.fields, key=_needed_first):
            name, kind = self._snippets.member(model, one, is_sent=only_sent)
            yield FieldPage(
                name, one.name, kind, one.required, default_of(one), limits_of(one), one_line(one.doc), one.deprecated,
                _named(one.type),
            )  # fmt: skip

    def _variants(self, union: Union, only_sent: bool) -> Iterator[VariantPage]:
        for one in union.variants:
            spelled = self._snippets.spelled(one.type, is_sent=only_sent)
            yield VariantPage(spelled, one.tag or "", _named(one.type))


def _needed_first(one: Field) -> tuple[bool, str]:
    return not one.required, one.name


def _named(of: Type) -> tuple[str, ...]:
    return tuple(dict.fromkeys(refs_of(of)))


def _users(uses: Iterable[tuple[str, set[str]]]) -> Mapping[str, tuple[str, ...]]:
    """Name of a type → who uses it, sorted."""
    found: dict[str, set[str]] = {}
    for user, names in uses:
        for name in names:
            found.setdefault(name, set()).add(user)
    return {name: tuple(sorted(users)) for name, users in found.items()}
