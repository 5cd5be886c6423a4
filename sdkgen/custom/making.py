"""From a representation to a client made to order, and how large it is. Pure but for what languages read."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache

from sdkgen.custom.shape import Shape, about, shaped
from sdkgen.ir.nodes import Api
from sdkgen.ir.select import select
from sdkgen.languages.base.config import Config, ConfigError
from sdkgen.languages.base.language import EXAMPLE_MODEL, Generated, Language, Order, generate
from sdkgen.languages.base.readme import count


@dataclass(frozen=True, slots=True)
class Size:
    """Of the client and of the whole one: operations, types, and bytes of their files before they are packed."""

    operations: int
    operations_of: int
    types: int
    types_of: int
    bytes: int
    bytes_of: int


def part_of(api: Api, config: Config, shape: Shape | None, allowed: Collection[str]) -> Api:
    """The chosen operations; with a shape of a key, those of them that are `allowed`. Raises SelectionError, and
    ConfigError when nothing is left."""
    part = select(api, config.operations) if config.operations else api
    if shape is None:
        return part
    there = [method.id for resource in part.resources for method in resource.methods]
    ids = [one for one in there if one in frozenset(allowed)] if shape.key else there
    if not ids:
        raise ConfigError("operations", f"{shape.subject} may call none of these operations")
    return shaped(part, shape, ids)


def make(language: Language, api: Api, config: Config, shape: Shape | None, allowed: Collection[str]) -> Generated:
    """Raises what `generate` raises, and SelectionError."""
    part = part_of(api, config, shape, allowed)
    text = about(shape, api.document_sha) if shape is not None else ""
    return generate(language, part, replace(config, operations=()), Order(api, text, example_model(shape)))


def example_model(shape: Shape | None) -> str:
    """What examples ask for in the place of `EXAMPLE_MODEL`, when that may not be asked for."""
    names = [one.name for one in shape.models] if shape is not None else []
    plain = [name for name in names if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,99}", name)]
    return plain[0] if plain and EXAMPLE_MODEL not in names else EXAMPLE_MODEL


def size_of(made: Generated, part: Api, api: Api, language: Language) -> Size:
    return Size(
        count(part), count(api), len(part.types), len(api.types), sum(map(len, made.files.values())),
        _Whole(language, api).bytes,
    )  # fmt: skip


@dataclass(frozen=True)
class _Whole:
    """The package of everything, of which only the size is kept: one for each language and document in a process."""

    language: Language
    api: Api

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Whole) and self._key == other._key

    @property
    def _key(self) -> tuple[str, str, int]:
        return self.language.about.id, self.api.document_sha, len(self.api.types)

    @property
    def bytes(self) -> int:
        return _bytes(self)


@cache
def _bytes(whole: _Whole) -> int:
    return sum(map(len, generate(whole.language, whole.api, Config()).files.values()))
