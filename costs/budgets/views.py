"""Budgets as the data plane and the ledger writer know them: immutable views, found by what a call or line is about."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from costs.budgets import periods
from costs.budgets.periods import PeriodRule
from gateway.scopes import KEY, each_of

if TYPE_CHECKING:
    from gateway.dataplane.views import KeyView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Subjects = Mapping[str, Iterable[str]]
"""Scope → what a call or line is about in it; ids as text, tags as `name=value`."""


@dataclass(frozen=True, slots=True, eq=False)
class BudgetView:
    """One budget. Amounts in ticks; `currency` empty: any (a key's own budget); `tracked_from` in Unix ms."""

    id: str
    organization: str
    name: str
    scope: str
    value: str
    amount: int
    currency: str
    rule: PeriodRule
    is_hard: bool = True
    is_shadow: bool = False
    tracked_from: int = 0
    _last: list[tuple[int, int]] = field(default_factory=list)

    @property
    def blocks(self) -> bool:
        """Whether calls need a hold on it."""
        return self.is_hard and not self.is_shadow

    def window_ms(self, ms: int) -> tuple[int, int]:
        """The period `[start, end)` that holds Unix millisecond `ms`, in ms; the last answers are remembered."""
        for start, end in self._last:
            if start <= ms < end:
                return start, end
        start_at, end_at = self.rule.window(_EPOCH + timedelta(milliseconds=ms))
        window = _ms(start_at), _ms(end_at)
        self._last[:] = [window, *self._last[:1]]
        return window


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


Applied = tuple[BudgetView, str]
"""A budget and its subject: the scope's value where the budget stands for each, else empty."""


@dataclass(slots=True)
class _Organization:
    by_value: dict[tuple[str, str], list[BudgetView]] = field(default_factory=dict)
    scopes: set[str] = field(default_factory=set)


class BudgetIndex:
    """All budgets, by organization, scope and value. Built once per configuration version, never changed."""

    def __init__(
        self, budgets: Iterable[BudgetView] = (), unpriced: Mapping[tuple[str, str | None], str] | None = None
    ) -> None:
        self.by_id: dict[str, BudgetView] = {}
        self._organizations: dict[str, _Organization] = {}
        self._unpriced = dict(unpriced or {})
        self._of_keys: dict[str, BudgetView] = {}
        self._of_views: dict[str, tuple[object, list[Applied]]] = {}
        for budget in budgets:
            self._add(budget)

    def _add(self, budget: BudgetView) -> None:
        self.by_id[budget.id] = budget
        own = self._organizations.setdefault(budget.organization, _Organization())
        own.scopes.add(budget.scope)
        own.by_value.setdefault((budget.scope, budget.value), []).append(budget)

    def scopes(self, organization: str) -> set[str]:
        """Scopes in which the organization has budgets; what the caller need not look up is not in it."""
        own = self._organizations.get(organization)
        return own.scopes if own is not None else set()

    def find(self, organization: str, subjects: Subjects) -> Iterator[Applied]:
        """Budgets that apply to `subjects`, each with its own subject."""
        own = self._organizations.get(organization)
        if own is None:
            return
        for scope, values in subjects.items():
            if scope not in own.scopes:
                continue
            for value in values:
                for budget in own.by_value.get((scope, value), ()):
                    yield budget, ""
                for budget in own.by_value.get((scope, each_of(scope, value)), ()):
                    yield budget, value

    def of_key(self, lineage: str, organization: str, amount: int) -> BudgetView:
        """The budget that a key carries itself: hard, in all, in whatever currency its lines have."""
        known = self._of_keys.get(lineage)
        if known is None or known.amount != amount:
            known = self._of_keys[lineage] = key_budget(lineage, organization, amount)
        return known

    def of_view(self, key: "KeyView") -> list[Applied] | None:
        """What was remembered for this very state of the key."""
        known = self._of_views.get(key.id)
        return known[1] if known is not None and known[0] is key else None

    def remember(self, key: "KeyView", found: list[Applied]) -> None:
        """Every call of the key falls under the same budgets: none is about end users, tags or models."""
        self._of_views[key.id] = (key, found)

    def unpriced_rule(self, organization: str, team: str | None) -> str:
        """allow, hold or block: the team's rule, else the organization's, else block."""
        for place in ((organization, team), (organization, None)):
            if rule := self._unpriced.get(place):
                return rule
        return "block"


def key_budget(lineage: str, organization: str, amount: int) -> BudgetView:
    return BudgetView(lineage, organization, "", KEY, lineage, amount, "", PeriodRule(periods.TOTAL))
