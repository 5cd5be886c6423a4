"""What an allocation rule says, checked. Pure: no rows are read here.

Rules of one organization are asked in order; a charge is the first one's whose conditions it meets, so nothing is
allocated twice. How a rule's amount is shared out is its method:

- `direct`: all of it to one cost centre, or (`by`) to the one that a dimension's value names;
- `fixed`: by percentages that sum to exactly 100;
- `even`: the same to each;
- `proportional`: by what each of them caused, measured by `metric` over what direct rules gave it;
- `tiered`: the first amounts of a month by one share, what is above by the next.

A rule with a `monthly_amount` has no charges: it allocates that fixed cost, by elapsed time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

METHODS = ("direct", "proportional", "even", "fixed", "tiered")
ID_DIMENSIONS = ("team", "project", "api_key", "user")
TEXT_DIMENSIONS = ("end_user", "provider", "model", "endpoint", "kind", "origin")
DIMENSIONS = (*ID_DIMENSIONS, *TEXT_DIMENSIONS)
TAG = "tag."
OPERATORS = ("in", "not_in", "prefix")
METRICS = (
    "cost", "requests", "attempts", "errors", "input_tokens", "output_tokens", "total_tokens", "cache_read_tokens",
)  # fmt: skip
HUNDRED = Decimal(100)
MOST_VALUES = 500
MOST_TARGETS = 200
MOST_CONDITIONS = 10


class RuleError(ValueError):
    """A rule that cannot stand; `field` names the part."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Condition:
    """A charge meets it when the dimension's value is `in`, is `not_in` (one without a value is not), or begins with
    one of `values`."""

    dimension: str
    op: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A cost centre's share of an amount; `percent` counts where the method is `fixed` or `tiered`."""

    center: UUID
    percent: Decimal = HUNDRED


@dataclass(frozen=True, slots=True)
class Tier:
    """What lies below `up_to` (None: all above the tier before) goes by `shares`."""

    up_to: Decimal | None
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """The parts of a rule that are stored as JSON."""

    conditions: tuple[Condition, ...] = ()
    shares: tuple[Share, ...] = ()
    by: str = ""
    centers_by_value: Mapping[str, UUID] = field(default_factory=dict)
    metric: str = ""
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Body):
    """One rule in force in `[valid_from, valid_to)`."""

    id: UUID
    name: str
    position: int
    method: str
    valid_from: datetime
    valid_to: datetime | None = None
    monthly_amount: Decimal | None = None
    currency: str = ""

    @property
    def centers(self) -> frozenset[UUID]:
        """Every cost centre that it may give something to."""
        tiers = (share for tier in self.tiers for share in tier.shares)
        return frozenset(share.center for share in (*self.shares, *tiers)) | frozenset(self.centers_by_value.values())

    def is_in_force(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def parse(method: str, conditions: Sequence[Any], targets: Mapping[str, Any], *, is_fixed_cost: bool) -> Body:
    """The parts of a rule from JSON. Raises `RuleError` unless they allocate exactly all of what the rule takes."""
    if method not in METHODS:
        raise RuleError("method", f"The method is one of {', '.join(METHODS)}.")
    if not isinstance(targets, Mapping):
        raise RuleError("targets", "targets is an object.")
    checked = _conditions(conditions)
    if is_fixed_cost and checked:
        raise RuleError("conditions", "A fixed cost has no charges that conditions could choose among.")
    allowed = {
        "direct": {"cost_center", "by", "values"}, "fixed": {"shares"}, "even": {"cost_centers"},
        "proportional": {"cost_centers", "metric"}, "tiered": {"tiers"},
    }[method]  # fmt: skip
    unknown = sorted(set(targets) - allowed)
    if unknown:
        raise RuleError(
            "targets", f"{', '.join(unknown)}: a rule of method {method} takes {', '.join(sorted(allowed))}."
        )
    match method:
        case "direct":
            return _direct(checked, targets, is_fixed_cost)
        case "fixed":
            return Body(checked, _shares(targets.get("shares"), "shares"))
        case "tiered":
            return Body(checked, tiers=_tiers(targets.get("tiers")))
    shares = tuple(Share(center) for center in _centers(targets.get("cost_centers")))
    if method == "even":
        return Body(checked, shares)
    metric = targets.get("metric")
    if metric not in METRICS:
        raise RuleError("targets", f"The metric is one of {', '.join(METRICS)}.")
    return Body(checked, shares, metric=str(metric))


def _direct(conditions: tuple[Condition, ...], targets: Mapping[str, Any], is_fixed_cost: bool) -> Body:
    if ("cost_center" in targets) == ("by" in targets):
        raise RuleError("targets", "A direct rule names one cost_center, or a dimension (by) whose values name them.")
    if "cost_center" in targets:
        if "values" in targets:
            raise RuleError("targets", "values belong to by.")
        return Body(conditions, (Share(_uuid(targets["cost_center"])),))
    if is_fixed_cost:
        raise RuleError("targets", "A fixed cost has no dimension: name one cost_center.")
    values = targets.get("values")
    if not isinstance(values, Sequence) or isinstance(values, str) or not 1 <= len(values) <= MOST_VALUES:
        raise RuleError("targets", f"values is a list of 1 to {MOST_VALUES} values with their cost centres.")
    by = _dimension(targets["by"], "targets")
    centers: dict[str, UUID] = {}
    for item in values:
        if not isinstance(item, Mapping) or set(item) != {"value", "cost_center"}:
            raise RuleError("targets", "Each of values has value and cost_center.")
        value = _value(by, item["value"], "targets")
        if value in centers:
            raise RuleError("targets", f"{value} is named once.")
        centers[value] = _uuid(item["cost_center"])
    return Body(conditions, by=by, centers_by_value=centers)


def _conditions(given: Any) -> tuple[Condition, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise RuleError("conditions", "conditions is a list.")
    if len(given) > MOST_CONDITIONS:
        raise RuleError("conditions", f"At most {MOST_CONDITIONS} conditions.")
    return tuple(map(_condition, given))


def _condition(given: Any) -> Condition:
    if not isinstance(given, Mapping) or set(given) != {"dimension", "op", "values"}:
        raise RuleError("conditions", "A condition has dimension, op and values.")
    dimension, op, values = _dimension(given["dimension"], "conditions"), given["op"], given["values"]
    if op not in OPERATORS:
        raise RuleError("conditions", f"The op is one of {', '.join(OPERATORS)}.")
    if op == "prefix" and dimension in ID_DIMENSIONS:
        raise RuleError("conditions", f"A {dimension} is named whole, not by a prefix.")
    if not isinstance(values, Sequence) or isinstance(values, str) or not 1 <= len(values) <= MOST_VALUES:
        raise RuleError("conditions", f"values is a list of 1 to {MOST_VALUES}.")
    return Condition(dimension, op, tuple(dict.fromkeys(_value(dimension, value, "conditions") for value in values)))


def _dimension(given: Any, where: str) -> str:
    if given in DIMENSIONS or (isinstance(given, str) and given.startswith(TAG) and 0 < len(given) - len(TAG) <= 120):
        return str(given)
    raise RuleError(where, f"No dimension {given!r}; there are {', '.join(DIMENSIONS)} and tag.<key>.")


def _value(dimension: str, given: Any, where: str) -> str:
    if not isinstance(given, str) or not given or len(given) > 200 or "\x00" in given:
        raise RuleError(where, "A value is a text of 1 to 200 characters.")
    if dimension not in ID_DIMENSIONS:
        return given
    try:
        return str(UUID(given))
    except ValueError:
        raise RuleError(where, f"{given!r} is no id of a {dimension}.") from None


def _tiers(given: Any) -> tuple[Tier, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= 20:
        raise RuleError("targets", "tiers is a list of 1 to 20.")
    tiers: list[Tier] = []
    for place, item in enumerate(given):
        if not isinstance(item, Mapping) or set(item) != {"up_to", "shares"}:
            raise RuleError("targets", "A tier has up_to and shares.")
        is_last = place == len(given) - 1
        if (item["up_to"] is None) != is_last:
            raise RuleError("targets", "The last tier is open (up_to null), and no other one.")
        up_to = None if is_last else decimal(item["up_to"], "targets")
        before = tiers[-1].up_to if tiers else Decimal(0)
        if up_to is not None and before is not None and up_to <= before:
            raise RuleError("targets", "Each tier ends above the one before it, the first above 0.")
        tiers.append(Tier(up_to, _shares(item["shares"], "a tier's shares")))
    return tuple(tiers)


def _shares(given: Any, what: str) -> tuple[Share, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MOST_TARGETS:
        raise RuleError("targets", f"{what} is a list of 1 to {MOST_TARGETS}.")
    shares = []
    for item in given:
        if not isinstance(item, Mapping) or set(item) != {"cost_center", "percent"}:
            raise RuleError("targets", "A share has cost_center and percent.")
        percent = decimal(item["percent"], "targets")
        if percent <= 0:
            raise RuleError("targets", "A percentage is above 0.")
        shares.append(Share(_uuid(item["cost_center"]), percent))
    _distinct(share.center for share in shares)
    total = sum((share.percent for share in shares), Decimal(0))
    if total != HUNDRED:
        raise RuleError("targets", f"The percentages sum to {total.normalize():f}, not to exactly 100.")
    return tuple(shares)


def _centers(given: Any) -> list[UUID]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MOST_TARGETS:
        raise RuleError("targets", f"cost_centers is a list of 1 to {MOST_TARGETS}.")
    centers = [_uuid(item) for item in given]
    _distinct(centers)
    return centers


def _distinct(centers: Iterable[UUID]) -> None:
    known = list(centers)
    if len(set(known)) != len(known):
        raise RuleError("targets", "A cost centre is named once.")


def _uuid(given: Any) -> UUID:
    try:
        return UUID(str(given))
    except ValueError:
        raise RuleError("targets", f"{given!r} is no id of a cost centre.") from None


def decimal(given: Any, field: str) -> Decimal:
    """A finite number of up to ten places from a string, an int or a Decimal. Raises `RuleError`."""
    try:
        value = Decimal(given) if isinstance(given, (str, int, Decimal)) and not isinstance(given, bool) else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or value != round(value, 10) or abs(value) >= Decimal(10) ** 10:
        raise RuleError(field, f"{given!r} is no decimal string of up to ten places.")
    return value
