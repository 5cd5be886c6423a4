"""Limits as the data plane knows them: immutable, found by what a call is about. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gateway.scopes import KEY, NARROWNESS, OF_A_CALL, each_of

if TYPE_CHECKING:
    from gateway.dataplane.views import KeyView

REQUESTS, TOKENS, CONCURRENCY = "requests", "tokens", "concurrency"
WINDOW_S = {REQUESTS: 60.0, TOKENS: 60.0, CONCURRENCY: 0.0}
"""Length of the window of each kind; 0: there is none, what was taken comes back."""
SHARED, SHARES, ALONE = "shared", "shares", "process"
"""How limits hold: exact over all processes · an equal part for each, Redis being away · without Redis, by process."""
Subjects = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True, eq=False)
class LimitView:
    """One limit. `caps`: kind → how much; `name` is empty for a key's own."""

    id: str
    organization: str
    name: str
    scope: str
    value: str
    caps: tuple[tuple[str, int], ...]
    is_shadow: bool = False


class Bound(NamedTuple):
    """One kind of a limit that a call falls under. `meter`: the name of what counts it, in every process the same."""

    meter: str
    view: LimitView
    kind: str
    cap: int
    subject: str


@dataclass(slots=True)
class _Organization:
    by_value: dict[tuple[str, str], list[LimitView]] = field(default_factory=dict)
    scopes: set[str] = field(default_factory=set)


class LimitIndex:
    """All limits, by organization, scope and value. Built once per configuration version, never changed."""

    def __init__(self, limits: Iterable[LimitView] = ()) -> None:
        self._organizations: dict[str, _Organization] = {}
        self._of_views: dict[str, tuple[object, Sequence[Bound]]] = {}
        for limit in limits:
            own = self._organizations.setdefault(limit.organization, _Organization())
            own.scopes.add(limit.scope)
            own.by_value.setdefault((limit.scope, limit.value), []).append(limit)

    def scopes(self, organization: str) -> set[str]:
        """Scopes in which the organization has limits."""
        own = self._organizations.get(organization)
        return own.scopes if own is not None else _NOWHERE

    def known(self, key: "KeyView") -> Sequence[Bound] | None:
        """What was remembered for this very state of the key."""
        found = self._of_views.get(key.id)
        return found[1] if found is not None and found[0] is key else None

    def bounds(self, key: "KeyView", subjects: Subjects) -> Sequence[Bound]:
        """Everything that binds a call, narrowest first; remembered while no limit is about what differs by call."""
        found = list(self._find(key.organization, subjects))
        if key.rpm_limit is not None or key.tpm_limit is not None:
            found += _bounds(_of_key(key), "")
        found.sort(key=lambda bound: NARROWNESS[bound.view.scope])
        if self.scopes(key.organization).isdisjoint(OF_A_CALL):
            self._of_views[key.id] = (key, found)
        return found

    def _find(self, organization: str, subjects: Subjects) -> Iterator[Bound]:
        own = self._organizations.get(organization)
        if own is None:
            return
        for scope, values in subjects.items():
            for value in values:
                for limit in own.by_value.get((scope, value), ()):
                    yield from _bounds(limit, "")
                for limit in own.by_value.get((scope, each_of(scope, value)), ()):
                    yield from _bounds(limit, value)


def _of_key(key: "KeyView") -> LimitView:
    """A key's own limits. Rotating a key keeps its windows."""
    own = ((REQUESTS, key.rpm_limit), (TOKENS, key.tpm_limit))
    caps = tuple((kind, cap) for kind, cap in own if cap is not None)
    return LimitView(f"key-{key.lineage or key.id}", key.organization, "", KEY, key.id, caps)


def _bounds(limit: LimitView, subject: str) -> Iterator[Bound]:
    for kind, cap in limit.caps:
        yield Bound(f"{limit.id}:{kind}:{subject}", limit, kind, cap, subject)


_NOWHERE: set[str] = set()
