"""Ledger lines as rows, oldest first, read in pages by their key: memory does not grow with them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Q

from analytics.exports.datasets.base import View, window_of
from analytics.exports.table import Column, Kind, Table
from analytics.query.scope import Scope
from gateway.api.filters import UsageFilter
from gateway.models import LedgerLine, Project, Team, User, VirtualKey
from gateway.services import archivedlines
from gateway.services.errors import Invalid

PAGE = 5_000
LEFT_OUT = frozenset({"before", "after"})
_TEXT: Kind = "text"
FIELDS: tuple[tuple[str, str, Kind], ...] = (
    ("started_at", "Started", "time"), ("request_id", "Request", _TEXT), ("id", "Line", _TEXT),
    ("kind", "Kind", _TEXT), ("is_final", "Final", "boolean"), ("status", "Status", _TEXT),
    ("http_status", "HTTP status", "integer"), ("error_type", "Error type", _TEXT), ("team", "Team", _TEXT),
    ("project", "Project", _TEXT), ("api_key", "Key", _TEXT), ("user", "Person", _TEXT),
    ("end_user", "End user", _TEXT), ("provider", "Provider", _TEXT), ("model_requested", "Model asked for", _TEXT),
    ("model_served", "Model served", _TEXT), ("route", "Route", _TEXT), ("endpoint", "Endpoint", _TEXT),
    ("is_stream", "Streamed", "boolean"), ("duration_ms", "Duration (ms)", "number"),
    ("ttft_ms", "First token (ms)", "number"), ("input_tokens", "Input tokens", "integer"),
    ("cache_read_tokens", "Cached input tokens", "integer"), ("output_tokens", "Output tokens", "integer"),
    ("reasoning_tokens", "Reasoning tokens", "integer"), ("cost", "Cost", "money"),
    ("list_cost", "List cost", "money"), ("currency", "Currency", _TEXT), ("price_status", "Price", _TEXT),
    ("usage_source", "Usage from", _TEXT), ("cache_status", "Cache", _TEXT), ("finish_reason", "Finish", _TEXT),
    ("sdk", "SDK", _TEXT), ("origin", "Origin", _TEXT), ("tag_set", "Tags", _TEXT),
)  # fmt: skip
NAMED = ("team", "project", "api_key", "user")


class UsageRecordsDataset:
    """Lines of the ledger, narrowed as the list of usage records is."""

    name = "usage_records"
    label = "Ledger lines"
    formats: tuple[str, ...] = ()
    asks_window = True

    def check(self, question: Mapping[str, Any], view: View) -> None:
        _lines(question, view)

    def open(self, question: Mapping[str, Any], view: View) -> Table:
        lines, start, end = _lines(question, view)
        names = _names(view)
        columns = [Column(name, label, kind) for name, label, kind in FIELDS]
        columns += [Column(f"{name}_name", f"{_label(name)} name") for name in NAMED]
        rows = chain(_archived(question, view, start, end), _kept(lines))
        return Table(
            title=f"Ledger lines, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", columns=columns,
            rows=_rows(rows, names), currency=view.scope.currency, expected=_expected(lines),
        )  # fmt: skip


def _label(name: str) -> str:
    return next(label for known, label, _ in FIELDS if known == name)


def _lines(question: Mapping[str, Any], view: View) -> tuple[Any, datetime, datetime]:
    """The lines and their window. Raises `Invalid`."""
    unknown = sorted(set(question) - (set(UsageFilter.base_filters) - LEFT_OUT))
    if unknown:
        raise Invalid("filter_unknown", f"There is no filter {unknown[0]!r}.", field=f"query.{unknown[0]}")
    nested = sorted(name for name, value in question.items() if isinstance(value, (list, dict)))
    if nested:
        raise Invalid("field_invalid", "One value is wanted, as in a query string.", field=f"query.{nested[0]}")
    start, end = window_of(question)
    found = _filtered(question, view, LedgerLine.objects.all())
    if not found.form.is_valid():
        field, messages = next(iter(found.form.errors.items()))
        raise Invalid("field_invalid", str(messages[0]), field=f"query.{field}")
    return found.qs.order_by("started_at", "id"), start, end


def _filtered(question: Mapping[str, Any], view: View, rows: Any) -> UsageFilter:
    return UsageFilter(data=dict(question), queryset=rows.filter(visible(view.scope)))


def _archived(question: Mapping[str, Any], view: View, start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
    """Fields of the lines of the window that left the ledger."""
    if not archivedlines.touches(start, end):
        return
    fields = [name for name, _, _ in FIELDS]
    for organization in view.scope.organizations:
        asked = archivedlines.Question(organization, start, end, limit=0, columns=archivedlines.LISTED)
        for line in archivedlines.every(asked, lambda rows: _filtered(question, view, rows).qs):
            yield [getattr(line, name) for name in fields]


def visible(scope: Scope) -> Q:
    """The ledger's lines in sight; the same rules as `scope.predicate`."""
    found = Q(pk__in=[])
    if scope.wide:
        found |= Q(organization__in=scope.wide)
    if scope.teams:
        found |= Q(team__in=scope.teams)
    if scope.own:
        found |= Q(user=scope.user, organization__in=scope.own)
    return Q(organization__in=scope.organizations) & found


def _expected(lines: Any) -> int:
    """Counted up to ten million, for the progress."""
    return int(lines.order_by()[:10_000_000].values("id").count())


def _names(view: View) -> Mapping[str, Mapping[Any, str]]:
    own = view.organization
    return {
        "team": dict(Team.objects.filter(organization=own).values_list("pk", "name")),
        "project": dict(Project.objects.filter(organization=own).values_list("pk", "name")),
        "api_key": dict(VirtualKey.objects.filter(organization=own).values_list("pk", "name")),
        "user": dict(User.objects.filter(memberships__organization=own).values_list("pk", "username")),
    }


def _kept(lines: Any) -> Iterator[Sequence[Any]]:
    """Fields of the ledger's lines, in pages by key: each begins after the last line of the one before."""
    fields = [name for name, _, _ in FIELDS]
    at, number = fields.index("started_at"), fields.index("id")
    rest = lines
    while page := list(rest.values_list(*fields)[:PAGE]):
        yield from page
        last_at, last = page[-1][at], page[-1][number]
        after = Q(started_at__gt=last_at) | Q(started_at=last_at, id__gt=last)
        rest = lines.filter(after, started_at__gte=last_at)


def _rows(lines: Iterable[Sequence[Any]], names: Mapping[str, Mapping[Any, str]]) -> Iterator[Sequence[Any]]:
    """Fields as cells, with the names of what they point at."""
    fields = [name for name, _, _ in FIELDS]
    places, tags = [fields.index(name) for name in NAMED], fields.index("tag_set")
    for row in lines:
        values = [str(value) if _is_id(value) else value for value in row]
        values[tags] = json.dumps(row[tags], sort_keys=True, ensure_ascii=False) if row[tags] else None
        values += [names[name].get(row[place]) for name, place in zip(NAMED, places, strict=True)]
        yield values


def _is_id(value: Any) -> bool:
    return hasattr(value, "hex") and hasattr(value, "urn")
