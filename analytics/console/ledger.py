"""Requests as rows and one request in full, straight from the ledger through `visible_to`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from django.db.models import QuerySet

from analytics.console import explain, format
from analytics.console.decision import Routing, routing_of
from analytics.console.explorer.columns import TONES, status_label
from analytics.console.reasons import reason
from gateway.choices import LineKind, PriceStatus
from gateway.models import LedgerLine, Organization, Project, QualityScore, Team, User, VirtualKey
from gateway.querysets import LedgerLineQuerySet
from gateway.services import archivedlines
from gateway.services.explanation import beside_the_list

REQUEST_KINDS = (LineKind.ATTEMPT, LineKind.CACHE_HIT, LineKind.DENIED)
RECENT = 12
RECENT_WINDOWS = (timedelta(days=2), timedelta(days=92), None)
MOST_LINES = 100
MOST_PROJECTS = 1000
MOST_SCORES = 50
Names = Mapping[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request as a table row, texts ready to print."""

    id: str
    request_id: str
    at: datetime
    project: str
    model: str
    asked_for: str
    status: str
    status_label: str
    tone: str
    tokens: str
    tokens_exact: str
    ttft: str
    duration: str
    cost: str
    cost_exact: str


@dataclass(frozen=True, slots=True)
class Bar:
    """An attempt on the timeline; offsets and widths in percent of the request. `whole`: when the first token came
    is not known, so nothing is said of what was waiting and what was output."""

    left: float
    wait: float
    output: float
    whole: float

    @property
    def output_left(self) -> float:
        return self.left + self.wait


@dataclass(frozen=True, slots=True)
class LineDetail:
    """One ledger line explained."""

    line: LedgerLine
    title: str
    tone: str
    status_text: str
    reason: str
    started: datetime
    duration: str
    ttft: str
    output_rate: str
    bar: Bar | None
    tokens: list[explain.TokenClass]
    charges: list[explain.ChargeLine]
    cost: str
    list_cost: str
    price_text: str
    usage_text: str
    tags: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What one source said of the request. `score` is text, empty when it gave a label alone; `by` is the person or
    the key that recorded it."""

    name: str
    score: str
    label: str
    source: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """A request with all its lines, oldest first; `truncated` when it has more than `MOST_LINES`. `calls`: more than
    one when the caller gave several calls the same id; lines, cost and duration are of all of them."""

    request_id: str
    organization: Organization
    project: str
    team: str
    key: str
    final: LineDetail
    lines: list[LineDetail]
    routing: Routing | None
    scores: list[ScoreRow]
    cost: str
    unpriced: bool
    length: str
    truncated: bool
    calls: int

    @property
    def has_first_token(self) -> bool:
        """Whether a bar of the timeline is split at its first token."""
        return any(item.bar is not None and not item.bar.whole for item in self.lines)

    @property
    def has_whole(self) -> bool:
        """Whether a bar of the timeline is not split."""
        return any(item.bar is not None and item.bar.whole for item in self.lines)


def recent_lines(user: User, organization: Organization, now: datetime, *, sees_all: bool) -> list[LedgerLine]:
    """The newest requests. One query, or up to three when there is little (index `ledgerline_by_organization`).

    The window widens step by step, so that even without statistics only a little is read; who sees but a part of
    the organization (`sees_all` false) starts wide at once.
    """
    lines: list[LedgerLine] = []
    for window in RECENT_WINDOWS if sees_all else RECENT_WINDOWS[1:]:
        requests = requests_of(user, organization)
        lines = list((requests if window is None else requests.filter(started_at__gte=now - window))[:RECENT])
        if len(lines) == RECENT or (lines and window != RECENT_WINDOWS[0]):
            break
    return lines


def fingerprint(lines: Sequence[LedgerLine], zone: str) -> str:
    """What the rows of `lines` show, short: a line never changes, so ids are enough."""
    return blake2b("".join([zone, *(str(line.id) for line in lines)]).encode(), digest_size=12).hexdigest()


def project_names(user: User, lines: Sequence[LedgerLine] = (), organization: Organization | None = None) -> Names:
    """Names of the projects of `lines`, or of all of `organization` (at most `MOST_PROJECTS`). At most one query."""
    projects = Project.objects.visible_to(user)
    if organization is not None:
        projects = projects.filter(organization=organization)
    elif lines:
        projects = projects.filter(pk__in={line.project for line in lines})
    else:
        return {}
    return dict(projects.values_list("pk", "name")[:MOST_PROJECTS])


def detail(user: User, request_id: str, organization: Organization | None, zone: str) -> RequestDetail | None:
    """All lines of a request that `user` may see; None when there are none. Up to eight queries.

    Callers choose their request ids, so the same id may exist in several organizations: the chosen one wins.
    """
    lines = list(
        LedgerLine.objects.visible_to(user).filter(request_id=request_id).order_by("started_at", "id")[: MOST_LINES + 1]
    )
    own = [line for line in lines if organization is not None and line.organization == organization.pk]
    lines = own or [line for line in lines if line.organization == lines[-1].organization]
    lines = lines or archived_request(user, request_id, organization)
    if not lines:
        return None
    place = Organization.objects.visible_to(user).get(pk=lines[0].organization)
    details = [_line_detail(line, lines, zone) for line in lines[:MOST_LINES]]
    final = next((item for item in reversed(details) if item.line.is_final), details[-1])
    costs = [line.cost for line in lines if line.cost is not None]
    return RequestDetail(
        request_id=request_id,
        organization=place,
        project=_one(Project, user, final.line.project),
        team=_one(Team, user, final.line.team),
        key=_one(VirtualKey, user, final.line.api_key),
        final=final,
        lines=details,
        routing=routing_of(lines[:MOST_LINES]),
        scores=_scores(user, final.line, zone),
        cost=format.exact_money(sum(costs, Decimal(0)), final.line.currency) if costs else format.DASH,
        unpriced=any(line.price_status == PriceStatus.UNPRICED for line in lines),
        length=format.duration(_span_ms(lines)),
        truncated=len(lines) > MOST_LINES,
        calls=calls_of(lines),
    )


def calls_of(lines: Sequence[LedgerLine]) -> int:
    """How many calls the lines of one request id are of: callers may send an id again."""
    return max(1, sum(line.is_final and line.kind in REQUEST_KINDS for line in lines))


def _scores(user: User, line: LedgerLine, zone: str) -> list[ScoreRow]:
    """What was said of the request that `line` ends, oldest first. One query, two more for the names."""
    scores = list(
        QualityScore.objects.visible_to(user).filter(organization=line.organization, line=line.id)[:MOST_SCORES]
    )
    people = {score.by_user for score in scores} - {None}
    keys = {score.by_key for score in scores} - {None}
    names: dict[uuid.UUID | None, str] = {}
    if people:
        names |= {
            person.pk: str(person)
            for person in User.objects.filter(pk__in=people, memberships__organization=line.organization)
        }
    if keys:
        names |= {key.pk: f"key {key}" for key in VirtualKey.objects.visible_to(user).filter(pk__in=keys)}
    return [
        ScoreRow(
            score.name,
            "" if score.score is None else f"{score.score:.2f}",
            score.label or "",
            score.source,
            names.get(score.by_user or score.by_key, ""),
            format.local(score.updated_at, zone),
        )
        for score in scores
    ]


def exists(user: User, request_id: str, organization: Organization | None = None) -> bool:
    """Whether `user` can see a request of this id; with an organization also in its archive. One query
    (index `ledgerline_by_request`)."""
    known = LedgerLine.objects.visible_to(user).filter(request_id=request_id).exists()
    return known or bool(archived_request(user, request_id, organization))


def archived_request(user: User, request_id: str, organization: Organization | None) -> list[LedgerLine]:
    """Its lines in the archive, oldest first; none when they were not found in time, or the archive does not answer."""
    if organization is None or not archivedlines.is_configured():
        return []
    try:
        return archivedlines.of_request(
            organization.pk, request_id, lambda rows: rows.visible_to(user), limit=MOST_LINES + 1
        )  # fmt: skip
    except (archivedlines.TooSlow, archivedlines.Unreadable):
        return []


def requests_of(user: User, organization: Organization, rows: LedgerLineQuerySet | None = None) -> QuerySet[LedgerLine]:
    """One line per request: how it ended. Newest first. `rows`: of the ledger, unless said otherwise."""
    known: LedgerLineQuerySet = LedgerLine.objects.all() if rows is None else rows
    lines = known.visible_to(user).filter(organization=organization.pk, is_final=True, kind__in=REQUEST_KINDS)
    return lines.order_by("-started_at", "-id").defer("charges", "route_decision", "prefix_hmacs", "tag_set")


def rows_of(lines: Sequence[LedgerLine], names: Names, zone: str) -> list[RequestRow]:
    """Lines as table rows, in their order."""
    return [_row(line, names, zone) for line in lines]


def _row(line: LedgerLine, names: Names, zone: str) -> RequestRow:
    model = line.model_served or line.model_requested or format.DASH
    tokens = line.input_tokens + line.output_tokens
    return RequestRow(
        id=str(line.id),
        request_id=line.request_id,
        at=format.local(line.started_at, zone),
        project=names.get(line.project, str(line.project)[:8]),
        model=model,
        asked_for="" if line.model_requested == model else line.model_requested or "",
        status=line.status,
        status_label=status_label(line),
        tone=TONES.get(line.status, "bad"),
        tokens=format.number(tokens),
        tokens_exact=f"{format.number(line.input_tokens)} in, {format.number(line.output_tokens)} out",
        ttft=format.duration(line.ttft_ms),
        duration=format.duration(line.duration_ms),
        cost="no price" if line.cost is None else format.money_column(line.cost, line.currency),
        cost_exact="No price known" if line.cost is None else format.exact_money(line.cost, line.currency),
    )


def _line_detail(line: LedgerLine, lines: Sequence[LedgerLine], zone: str) -> LineDetail:
    started = format.local(line.started_at, zone)
    model = line.model_served or line.model_requested
    rate = line.output_rate
    return LineDetail(
        line=line,
        title=_title(line, lines),
        tone=TONES.get(line.status, "bad"),
        status_text=explain.status_words(line.status, line.origin),
        reason=reason(line.error_type),
        started=started,
        duration=format.duration(line.duration_ms),
        ttft=format.duration(line.ttft_ms),
        output_rate=f"{rate:.0f}{format.NARROW}tokens/s" if rate else format.DASH,
        bar=_bar(line, lines),
        tokens=explain.token_classes(line),
        charges=explain.charge_lines(line.charges),
        cost="unknown" if line.cost is None else format.exact_money(line.cost, line.currency),
        list_cost=format.exact_money(line.list_cost, line.currency),
        price_text=_price_text(line, model, started),
        usage_text=explain.USAGE_SOURCES.get(line.usage_source, "") if line.kind != LineKind.DENIED else "",
        tags=_pairs(line.tag_set),
    )


def _price_text(line: LedgerLine, model: str, started: datetime) -> str:
    words = explain.price_words(line.price_status, model, line.provider, f"{started:%-d %b %Y}")
    return " ".join([words, *beside_the_list(line)])


def _title(line: LedgerLine, lines: Sequence[LedgerLine]) -> str:
    if line.kind != LineKind.ATTEMPT:
        return line.get_kind_display()
    if calls_of(lines) > 1:  # whose attempt it is cannot be told
        return line.get_kind_display()
    attempts = [other for other in lines if other.kind == LineKind.ATTEMPT]
    return f"Attempt {attempts.index(line) + 1} of {len(attempts)}"


def _span_ms(lines: Sequence[LedgerLine]) -> float | None:
    timed = [line for line in lines if line.duration_ms is not None and line.kind != LineKind.ADJUSTMENT]
    if not timed:
        return None
    first = min(line.started_at for line in timed)
    return max((line.started_at - first).total_seconds() * 1000 + (line.duration_ms or 0) for line in timed)


def _bar(line: LedgerLine, lines: Sequence[LedgerLine]) -> Bar | None:
    span = _span_ms(lines)
    if not span or line.duration_ms is None or line.kind == LineKind.ADJUSTMENT:
        return None
    first = min(other.started_at for other in lines if other.duration_ms is not None)
    left = (line.started_at - first).total_seconds() * 1000
    if line.ttft_ms is None:
        parts = (left, 0.0, 0.0, line.duration_ms)
    else:
        parts = (left, min(line.ttft_ms, line.duration_ms), max(line.duration_ms - line.ttft_ms, 0.0), 0.0)
    return Bar(*(round(100 * part / span, 3) for part in parts))


def _pairs(values: Any) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    return [(key.replace("_", " ").capitalize(), _plain(value)) for key, value in values.items()]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _one(model: Any, user: User, pk: uuid.UUID | None) -> str:
    if pk is None:
        return ""
    found = model.objects.visible_to(user).filter(pk=pk).first()
    return str(found) if found else str(pk)
