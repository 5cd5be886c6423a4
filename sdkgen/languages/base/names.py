"""Public names of a language, and the file that keeps them. Pure.

A name once published stays, whatever the document does: `names.lock.json` says which place of the document has which
name. What would be named otherwise now is reported and not applied. Two places with one name in one scope are an error:
no name gets a number.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sdkgen.ir.codec import canonical, encode
from sdkgen.ir.nodes import Declaration

FORMAT = 1
NameKind = Literal["type", "param", "method", "field", "member"]


class NameCollisionError(ValueError):
    """Names that cannot all be: the message lists each with its places."""


@dataclass(frozen=True, slots=True)
class Name:
    """A public name and the place (JSON pointer) it is for. Names are unique in their `scope`, without regard to case.
    `shape` identifies a type without its name and place, so that it is found again when the server renames it."""

    kind: NameKind
    pointer: str
    scope: str
    text: str
    shape: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind} {self.pointer}"


@dataclass(frozen=True, slots=True)
class Names:
    """The names in force. `changed`: (key, name in force, name by rule); `moved`: (old key, new key), a type that the
    document renamed; `added` and `gone`: keys."""

    by_key: Mapping[str, Name]
    changed: tuple[tuple[str, str, str], ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def of(self, kind: NameKind, pointer: str) -> str:
        """Raises KeyError."""
        return self.by_key[f"{kind} {pointer}"].text

    def find(self, kind: NameKind, pointer: str, otherwise: str) -> str:
        found = self.by_key.get(f"{kind} {pointer}")
        return found.text if found is not None else otherwise


@dataclass(frozen=True, slots=True)
class Lock:
    """The file: key → (name, shape)."""

    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def loads(cls, text: str) -> "Lock":
        """Raises ValueError."""
        said = json.loads(text)
        if said.get("format") != FORMAT:
            raise ValueError(f"names.lock.json has the format {said.get('format')}, not {FORMAT}")
        return cls({key: (found[0], found[1] if len(found) > 1 else "") for key, found in said["names"].items()})

    def dumps(self) -> str:
        """One line a name, sorted, so that versions of the file merge and differ by lines."""
        lines = [
            f"{json.dumps(key)}: {json.dumps([name, shape] if shape else [name])}"
            for key, (name, shape) in sorted(self.names.items())
        ]
        return f'{{"format": {FORMAT}, "names": {{\n' + ",\n".join(lines) + "\n}}\n"

    def with_names(self, names: Names) -> "Lock":
        """What is in force now, and what was: a name that is gone is not given to something else."""
        moved = {old for old, _ in names.moved}
        kept = {key: said for key, said in self.names.items() if key not in moved}
        return Lock({**kept, **{key: (name.text, name.shape) for key, name in names.by_key.items()}})


def shape_of(declared: Declaration) -> str:
    """Of a type without its own name, place and doc."""
    said: dict[str, Any] = encode(replace(declared, name="", pointer="", doc=""))
    for one in said.get("fields", ()):
        one.pop("pointer"), one.pop("doc", None)
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:12]


def settle(proposed: Iterable[Name], lock: Lock) -> Names:
    """The names in force. Raises NameCollisionError for two of one scope that are the same."""
    by_rule = {name.key: name for name in proposed}
    gone = [key for key in lock.names if key not in by_rule]
    moved = _moved(by_rule, lock, gone)
    settled, changed, added = {}, [], []
    for key, name in by_rule.items():
        kept = lock.names.get(key) or lock.names.get(moved.get(key, ""))
        if kept is None:
            added.append(key)
        elif kept[0] != name.text:
            changed.append((key, kept[0], name.text))
        settled[key] = name if kept is None else replace(name, text=kept[0])
    _refuse_same(settled.values())
    pairs = tuple(sorted((old, new) for new, old in moved.items()))
    left = sorted(set(gone) - set(moved.values()))
    return Names(settled, tuple(sorted(changed)), pairs, tuple(sorted(added)), tuple(left))


def _moved(by_rule: Mapping[str, Name], lock: Lock, gone: list[str]) -> dict[str, str]:
    """New key → old key: a new type of the one shape that one type had which is gone."""
    old: dict[str, list[str]] = {}
    for key in gone:
        if shape := lock.names[key][1]:
            old.setdefault(shape, []).append(key)
    new: dict[str, list[str]] = {}
    for key, name in by_rule.items():
        if name.shape and key not in lock.names:
            new.setdefault(name.shape, []).append(key)
    return {keys[0]: old[shape][0] for shape, keys in new.items() if len(keys) == 1 == len(old.get(shape, ()))}


def _refuse_same(names: Iterable[Name]) -> None:
    taken: dict[tuple[str, str], Name] = {}
    wrong = []
    for name in names:
        before = taken.setdefault((name.scope, name.text.lower()), name)
        if before is not name:
            wrong.append(f"{name.scope}: '{name.text}' for {before.pointer} and for {name.pointer}")
    if wrong:
        raise NameCollisionError("names collide; rename one of each in overrides.yaml:\n" + "\n".join(sorted(wrong)))
