"""Unit metrics: make, change, archive, and the days' values. Each writes its audit row in the same transaction."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from analytics.models import DeclaredTag
from costs.models import UnitMetric, UnitValue
from gateway.models import Organization, Project, Team, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

MOST_METRICS = 50
MOST_VALUES = 10_000
LONGEST_SCOPE = 300
LARGEST = Decimal(10) ** 15
PLACES = Decimal("0.000001")
TAG = "tag."
KINDS: Mapping[str, Any] = {"team": Team, "project": Project}
FIRST_DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Count:
    """How many on one day, in one scope; `value` None takes back what was said. `line`: of the file, 0 without one."""

    day: date
    value: Decimal | None
    scope: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What an upload did: values that are there now, of them those that are new or other than before, those removed."""

    values: int
    changed: int
    removed: int


@transaction.atomic
def create_unit_metric(
    *, organization: Organization, actor: Actor, name: str, unit: str, dimension: str = ""
) -> UnitMetric:
    """Raises `Invalid` (`dimension_unknown`), `Conflict` (`name_in_use`, `too_many_unit_metrics`)."""
    Organization.objects.select_for_update().get(pk=organization.pk)  # the count holds
    _check_dimension(organization, dimension)
    if UnitMetric.objects.filter(organization=organization, archived_at=None).count() >= MOST_METRICS:
        raise Conflict("too_many_unit_metrics", f"There are {MOST_METRICS} already; archive some first.")
    person = getattr(actor, "pk", None) if not isinstance(actor, VirtualKey) else None
    row = UnitMetric(
        organization=organization, name=_word(name, "name"), unit=_word(unit, "unit"), dimension=dimension,
        created_by_id=person,
    )  # fmt: skip
    _save(row)
    audit.record(organization=organization, actor=actor, verb="unit_metric.create", target=row, after=_shown(row))
    return row


@transaction.atomic
def update_unit_metric(
    *, metric: UnitMetric, actor: Actor, name: str | None = None, unit: str | None = None
) -> UnitMetric:
    """Another name or unit; the dimension stays, since the values are kept by it. Raises `Invalid`, `Conflict`."""
    row = _locked(metric)
    before = _shown(row)
    row.name = row.name if name is None else _word(name, "name")
    row.unit = row.unit if unit is None else _word(unit, "unit")
    old, new = audit.differences(before, _shown(row))
    if new:
        _save(row)
        audit.record(
            organization=row.organization, actor=actor, verb="unit_metric.update", target=row, before=old, after=new
        )
    return row


@transaction.atomic
def archive_unit_metric(*, metric: UnitMetric, actor: Actor) -> UnitMetric:
    """It takes no more values and is answered no more; what is there stays. Raises `Conflict`."""
    row = _locked(metric)
    row.archived_at = timezone.now()
    row.save(update_fields=["archived_at", "updated_at"])
    audit.record(organization=row.organization, actor=actor, verb="unit_metric.archive", target=row)
    return row


@transaction.atomic
def put_values(*, metric: UnitMetric, actor: Actor, counts: Sequence[Count]) -> Written:
    """Say how many there were; the last word on a day and scope holds, so that a file may be sent again. All or
    nothing. Raises `Invalid` (`too_many_values`, `value_twice`, `value_out_of_range`, `day_out_of_range`,
    `scope_unknown`), `Conflict` (`unit_metric_archived`)."""
    row = _locked(metric)
    if not 1 <= len(counts) <= MOST_VALUES:
        raise Invalid("too_many_values", f"Send 1 to {MOST_VALUES:,} values at a time.", field="values")
    wanted = _checked(row, counts)
    days = [day for day, _ in wanted]
    known = {
        (value.day, value.scope): value
        for value in UnitValue.objects.filter(metric=row, day__gte=min(days), day__lte=max(days))
    }
    said = {key: value for key, value in wanted.items() if value is not None}
    gone = [known[key].pk for key, value in wanted.items() if value is None and key in known]
    changed = [key for key, value in said.items() if key not in known or known[key].value != value]
    UnitValue.objects.bulk_create(
        [UnitValue(metric=row, day=day, scope=scope, value=said[day, scope]) for day, scope in changed],
        update_conflicts=True, unique_fields=["metric", "day", "scope"], update_fields=["value", "updated_at"],
        batch_size=2_000,
    )  # fmt: skip
    UnitValue.objects.filter(pk__in=gone).delete()
    if changed or gone:
        after = {"from": min(days).isoformat(), "to": max(days).isoformat(), "changed": len(changed),
                 "removed": len(gone)}  # fmt: skip
        audit.record(organization=row.organization, actor=actor, verb="unit_metric.values", target=row, after=after)
    return Written(len(said), len(changed), len(gone))


def read_csv(text: str) -> list[Count]:
    """A file with the columns `day` (2026-11-28), `value` and, where the metric has a dimension, `scope`. Raises
    `Invalid` (`csv_columns`, `csv_line`) with the number of the line."""
    try:
        reader = csv.DictReader(io.StringIO(text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")))
        rows, header = list(reader), reader.fieldnames or ()
    except csv.Error as error:
        raise Invalid("csv_line", f"This is no CSV: {error}.", field="csv") from None
    if not {"day", "value"} <= {name.strip().lower() for name in header}:
        message = "The first line names the columns: day, value and, if need be, scope."
        raise Invalid("csv_columns", message, field="csv")
    return [_of_line(number, row) for number, row in enumerate(rows, start=2)]


def _of_line(number: int, row: Mapping[str, Any]) -> Count:
    cells = {name.strip().lower(): (cell or "").strip() for name, cell in row.items()
             if isinstance(name, str) and isinstance(cell, str | None)}  # fmt: skip
    try:
        day = date.fromisoformat(cells.get("day", ""))
        value = Decimal(cells["value"]) if cells.get("value") else None
    except (ValueError, InvalidOperation):
        message = f"Line {number}: a day as 2026-11-28 and a number are wanted."
        raise Invalid("csv_line", message, field="csv") from None
    return Count(day, value, cells.get("scope", ""), number)


def _checked(metric: UnitMetric, counts: Sequence[Count]) -> dict[tuple[date, str], Decimal | None]:
    scopes = _scopes(metric, {count.scope.strip() for count in counts})
    found: dict[tuple[date, str], Decimal | None] = {}
    for count in counts:
        where = f"Line {count.line}: " if count.line else ""
        if not FIRST_DAY <= count.day <= timezone.now().date() + timedelta(days=1):
            message = f"{where}{count.day} lies before {FIRST_DAY:%Y} or in the future."
            raise Invalid("day_out_of_range", message, field="values")
        key = (count.day, scopes[count.scope.strip()])
        if key in found:
            raise Invalid("value_twice", f"{where}{count.day} {count.scope} is there twice.", field="values")
        found[key] = _value(count, where)
    return found


def _value(count: Count, where: str) -> Decimal | None:
    if count.value is None:
        return None
    if not count.value.is_finite() or not 0 <= count.value < LARGEST:
        message = f"{where}a value is a number from 0 to below {LARGEST:,}."
        raise Invalid("value_out_of_range", message, field="values")
    return count.value.quantize(PLACES)


def _scopes(metric: UnitMetric, given: Iterable[str]) -> dict[str, str]:
    """What was given → what is stored. Teams and projects by id or slug, of the organization. One query."""
    named = sorted(given)
    if not metric.dimension:
        if named != [""]:
            raise Invalid("scope_unknown", "This metric has no dimension: leave scope empty.", field="values")
        return {"": ""}
    if "" in named:
        raise Invalid("scope_unknown", f"Say for which {metric.dimension} each value is.", field="values")
    if metric.dimension not in KINDS:
        if too_long := next((name for name in named if len(name) > LONGEST_SCOPE or "\0" in name), None):
            raise Invalid("scope_unknown", f"{too_long[:40]}… is no value of a tag.", field="values")
        return {name: name for name in named}
    rows = KINDS[metric.dimension].objects.filter(organization=metric.organization_id)
    ids = [UUID(name) for name in named if _is_id(name)]
    known: dict[str, str] = {}
    for pk, slug in rows.filter(Q(slug__in=named) | Q(pk__in=ids)).values_list("pk", "slug"):
        known |= {slug: str(pk), str(pk): str(pk)}
    missing = [name for name in named if name.lower() not in known and name not in known]
    if missing:
        raise Invalid("scope_unknown", f"No {metric.dimension} {missing[0]!r} here.", field="values")
    return {name: known.get(name) or known[name.lower()] for name in named}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _check_dimension(organization: Organization, dimension: str) -> None:
    if not dimension or dimension in KINDS:
        return
    key = dimension.removeprefix(TAG)
    tags = DeclaredTag.objects.filter(organization=organization, key=key)
    if not dimension.startswith(TAG) or not tags.exists():
        message = f"dimension is empty, {', '.join(KINDS)}, or tag.<key> of a declared tag."
        raise Invalid("dimension_unknown", message, field="dimension")


def _word(text: str, field: str) -> str:
    cleaned = text.strip()
    if not cleaned or "\0" in cleaned:
        raise Invalid("blank", f"{field} must not be empty.", field=field)
    return cleaned


def _locked(metric: UnitMetric) -> UnitMetric:
    row = UnitMetric.objects.select_for_update(of=("self",)).select_related("organization").get(pk=metric.pk)
    if row.archived_at is not None:
        raise Conflict("unit_metric_archived", "It is archived and takes no changes.")
    return row


def _save(row: UnitMetric) -> None:
    check_fields(row, "name", "unit", "dimension")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("name_in_use", f"There is a unit metric {row.name!r} already.", field="name") from None


def _shown(row: UnitMetric) -> dict[str, Any]:
    return {"name": row.name, "unit": row.unit, "dimension": row.dimension}
