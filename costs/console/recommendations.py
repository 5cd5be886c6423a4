"""Recommendations: what could be saved, one of them with its evidence, and what people decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics.console import format
from analytics.console.cards import Card
from costs.console.twolines import DayPair, Words, two_lines
from costs.models import Recommendation
from costs.models import RecommendationState as State
from costs.recommendations import reading, realized, search, services
from costs.recommendations.changes import HAND, plan_of
from costs.savings.proposals import Slice
from gateway.choices import LimitScope, Role
from gateway.console import ConsoleSite
from gateway.console.names import names_of
from gateway.console.scope import actor, frame, may_administer, person
from gateway.models import Job, Organization
from gateway.services.errors import ServiceError

READERS = frozenset({Role.OWNER, Role.ADMIN, Role.ANALYST, Role.MANAGER})
PER_PAGE = 25
TABS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("Open", (State.OPEN,)), "applied": ("Applied", (State.APPLIED, State.VERIFIED)),
    "snoozed": ("Snoozed", (State.SNOOZED,)), "dismissed": ("Dismissed", (State.DISMISSED,)),
    "expired": ("Expired", (State.EXPIRED,)),
}  # fmt: skip
TONES = {"none": "ok", "low": "ok", "medium": "warn", "high": "bad"}
STATE_TONES = {"open": "accent", "applied": "warn", "verified": "ok", "snoozed": "", "dismissed": "", "expired": ""}
STATE_WORDS = {"applied": "Applied, being measured", "verified": "Saving measured"}
NAMED = {"team": LimitScope.TEAM, "project": LimitScope.PROJECT, "api_key": LimitScope.KEY}
LABELS = {
    "project": "Project", "team": "Team", "api_key": "Key", "provider": "Provider", "model": "Model",
    "endpoint": "Endpoint", "route": "Route",
}  # fmt: skip
SETTINGS = {"max_tokens": "Most output tokens", "ttl_s": "Kept for (s)"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One recommendation in words; `saving` and `interval` are money a month, `realized` what was measured last."""

    row: Recommendation
    url: str
    about: str
    saving: str
    interval: str
    share: str
    risk_tone: str
    state: str
    state_tone: str
    realized: str


@require_safe
def recommendation_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The head with the joint total, and the recommendations of one state."""
    context, organization = frame(request, site, "Recommendations")
    user: Any = request.user
    mine = Recommendation.objects.visible_to(user).filter(organization=organization)
    asked = request.GET.get("state", "")
    tab = asked if asked in TABS else ""
    label, states = TABS[tab]
    counts = dict(mine.values_list("state").annotate(Count("pk")).order_by())
    everything = list(mine.open().only("joint_saving", "effort", "organization"))
    found = reading.search_of(organization)
    page = Paginator(mine.filter(state__in=states), PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    names = _names(rows)
    zone = organization.reporting_timezone
    context |= {
        **_head(found, everything), "page": page, "label": label, "rows": [show(row, names) for row in rows],
        "tabs": [
            {"label": words, "url": f"?state={name}" if name else "?", "is_current": name == tab,
             "count": sum(counts.get(state, 0) for state in kinds)}
            for name, (words, kinds) in TABS.items()
        ],
        "searched": format.local(found.searched_at, zone) if found.searched_at else None, "zone": zone,
        "may_change": may_administer(request, organization), "notes": found.notes, "is_open": states == (State.OPEN,),
        "job": Job.objects.filter(kind=search.KIND, period=search.asked_period(organization)).first(),
    }  # fmt: skip
    return render(request, "console/recommendations/page.html", context)


@require_safe
def recommendation_page(request: HttpRequest, site: ConsoleSite, recommendation_id: UUID) -> HttpResponse:
    """Evidence, replay, steps; what can be done with it; what it has saved since it was applied."""
    context, organization = frame(request, site, "Recommendation")
    row = _found(request, organization, recommendation_id)
    plan = plan_of(row)
    measured = realized.measure(row, now=timezone.now()) if row.is_done else None
    names = _names([row])
    context |= {
        "shown": show(row, names), "row": row, "plan": plan, "scope": _scope_pairs(row, names),
        "change": _change_pairs(row), "replay": _replay_pairs(row), "quality": _quality_pairs(row),
        "evidence": [_evidence(one) for one in row.evidence], "affected": _affected(row, names),
        "rows_url": _rows_url(row), "may_change": may_administer(request, organization), "is_by_hand": plan.how == HAND,
        "realized": measured and _realized(measured), "chart": measured and _card(measured),
        "cannot_measure": row.is_done and measured is None,
        "routes": (row.applied or {}).get("routes", []), "share": (row.applied or {}).get("share", 100),
        "applied_at": row.applied_at and format.local(row.applied_at, organization.reporting_timezone),
        "state_at": row.state_at and format.local(row.state_at, organization.reporting_timezone),
        "can_decide": row.state in (State.OPEN, State.SNOOZED, State.DISMISSED),
        "title": row.title,
    }  # fmt: skip
    return render(request, "console/recommendations/detail.html", context)


@require_POST
def recommendation_do(request: HttpRequest, site: ConsoleSite, recommendation_id: UUID) -> HttpResponse:
    """Apply, take back, dismiss or snooze it."""
    _, organization = frame(request, site, "Recommendation")
    row = _found(request, organization, recommendation_id)
    if not may_administer(request, organization):
        raise PermissionDenied
    try:
        messages.success(request, _do(request, row))
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:recommendation", row.pk)


@require_POST
def recommendation_search(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Have the last 30 days searched now."""
    _, organization = frame(request, site, "Recommendations")
    if not may_administer(request, organization):
        raise PermissionDenied
    search.request_search(organization=organization, user=person(request))
    messages.success(request, "The search is queued; reload the page in a moment.")
    return redirect("admin:recommendations")


def _do(request: HttpRequest, row: Recommendation) -> str:
    verb, who = request.POST.get("verb", ""), actor(request)
    if verb == "apply":
        done = services.apply_recommendation(recommendation=row, actor=who, share=_number(request, "share", 100))
        is_by_hand = (done.applied or {}).get("how") == HAND
        return "Noted as done by hand." if is_by_hand else "Applied. The data planes follow within two seconds."
    if verb == "revert":
        services.revert_recommendation(recommendation=row, actor=who)
        return "Taken back."
    if verb == "dismiss":
        services.dismiss_recommendation(recommendation=row, actor=who, reason=request.POST.get("reason", ""))
        return "Dismissed."
    services.snooze_recommendation(
        recommendation=row, actor=who, days=_number(request, "days", 0), reason=request.POST.get("reason", "")
    )
    return "Snoozed."


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.POST.get(name, "") or str(default)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _found(request: HttpRequest, organization: Organization, pk: UUID) -> Recommendation:
    user: Any = request.user
    rows = Recommendation.objects.visible_to(user).select_related("organization", "state_by")
    row: Recommendation | None = rows.filter(organization=organization, pk=pk).first()
    if row is None:
        raise Http404
    return row


# ---- in words --------------------------------------------------------------------------------------------------------
def _head(found: Any, rows: Sequence[Recommendation]) -> dict[str, Any]:
    total = reading.total_of(found, rows)

    def part(which: Callable[[Recommendation], bool]) -> str:
        chosen = [row for row in rows if which(row)]
        return format.money_short(reading.total_of(found, chosen).saving, total.currency)

    return {
        "total": format.money_short(total.saving, total.currency), "count": len(rows),
        "total_interval": _likely(total.interval, total.currency),
        "spend": format.money_short(total.spend, total.currency),
        "total_share": format.percent(total.share), "quick": part(reading.is_quick),
        "long_term": part(lambda row: not reading.is_quick(row)),
        "quick_count": sum(reading.is_quick(row) for row in rows),
    }  # fmt: skip


def open_saving(user: Any, organization: Organization) -> dict[str, Any] | None:
    """What the home page says: the joint saving of the open recommendations a month; None without any. Two queries."""
    rows = list(Recommendation.objects.visible_to(user).filter(organization=organization).open())
    return _head(reading.search_of(organization), rows) | {"rows": rows[:3]} if rows else None


def show(row: Recommendation, names: Mapping[tuple[str, str], str]) -> Shown:
    """`names` of teams, projects and keys, as `names_of` gives them."""
    kept = row.realized or {}
    return Shown(
        row=row, url=reverse("admin:recommendation", args=[row.pk]),
        about=", ".join(_called(name, value, names) for name, value in row.calls.filters()) or "all calls",
        saving=format.money(row.monthly_saving.quantize(Decimal("0.01")), row.currency),
        interval=_bounds(reading.bounds_of(row), row.currency),
        share=format.percent(float(row.joint_saving / row.actual_cost)) if row.actual_cost else "",
        risk_tone=TONES[row.risk], state=STATE_WORDS.get(row.state, row.get_state_display()),
        state_tone=STATE_TONES[row.state],
        realized=format.money(Decimal(kept["amount"]), row.currency) if kept else "",
    )  # fmt: skip


def _likely(bounds: reading.Bounds | None, currency: str) -> str:
    """`90 % likely $80.00 to $99.00`; empty without an interval."""
    return f"{format.level(float(bounds.level))} likely {_bounds(bounds, currency)}" if bounds else ""


def _bounds(bounds: reading.Bounds | None, currency: str) -> str:
    if bounds is None:
        return ""
    low, high = (
        format.money_short(amount.quantize(Decimal("0.01")), currency) for amount in (bounds.lower, bounds.upper)
    )
    return f"{low} to {high}"


def _called(name: str, value: str, names: Mapping[tuple[str, str], str]) -> str:
    return names.get((NAMED[name], value), value[:8]) if name in NAMED else value


def _names(rows: Sequence[Recommendation]) -> Mapping[tuple[str, str], str]:
    pairs = {(NAMED[name], value) for row in rows for name, value in row.calls.filters() if name in NAMED}
    pairs |= {
        (NAMED[kind], value)
        for row in rows for kind, _, value in (text.partition(":") for text in row.affected) if kind in NAMED
    }  # fmt: skip
    return names_of(pair for pair in pairs if _is_uuid(pair[1]))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of the component `pairs`."""

    name: str
    value: str


def _scope_pairs(row: Recommendation, names: Mapping[tuple[str, str], str]) -> list[Pair]:
    return [Pair(LABELS[name], _called(name, value, names)) for name, value in row.calls.filters()]


def _affected(row: Recommendation, names: Mapping[tuple[str, str], str]) -> list[str]:
    found = []
    for text in row.affected:
        kind, _, value = text.partition(":")
        found.append(f"{LABELS[kind]} {_called(kind, value, names)}" if kind in LABELS and value else text)
    return found


def _change_pairs(row: Recommendation) -> list[Pair]:
    pairs = [(LABELS[name], row.change.get(name)) for name in ("provider", "model")]
    settings = row.change.get("settings", {}).items()
    told = [(name, value) for name, value in settings if name not in Slice.__slots__]
    pairs += [(SETTINGS.get(name, name.replace("_", " ").capitalize()), value) for name, value in told]
    return [Pair(name, value) for name, value in pairs if value]


def _replay_pairs(row: Recommendation) -> list[Pair]:
    def money(amount: Decimal) -> str:
        return format.money(amount, row.currency)

    reach = f"{money(row.interval_lower)} to {money(row.interval_upper)}"
    return [
        Pair("Searched", f"{row.start:%Y-%m-%d} to {row.end:%Y-%m-%d} (UTC)"),
        Pair("Calls", f"{row.requests:,} requests, {row.lines:,} lines"),
        Pair("They cost", money(row.actual_cost)),
        Pair("Replayed", f"{money(row.replayed_cost)} under this change alone"),
        Pair("Saving alone", f"{money(row.saving)}; {row.interval_level:.0%} interval: {reach}"),
        Pair("Beside the others", f"{money(row.joint_saving)} are left to it when all are applied"),
    ]


def _quality_pairs(row: Recommendation) -> list[Pair]:
    known = row.quality
    if not known:
        return []

    def told(name: str) -> str:
        value, count = known[name], known[f"{name}_scores"]
        return "no score recorded" if value is None else f"{value:.2f} (mean of {count:,} scores)"

    return [Pair("Present model", told("current")), Pair("Proposed model", told("proposed"))]


def _evidence(one: Mapping[str, Any]) -> dict[str, Any]:
    url = str(one.get("url", ""))
    return {"text": one["text"], "url": url if url.startswith("/") and not url.startswith("//") else ""}


def _rows_url(row: Recommendation) -> str:
    pairs = [("organization", row.organization.slug), ("start", row.start.isoformat()), ("end", row.end.isoformat())]
    pairs += [(name, value) for name, value in row.calls.filters() if name != "endpoint"]
    return f"{reverse('admin:requests')}?{urlencode(pairs)}"


# ---- what it saves ---------------------------------------------------------------------------------------------------
def _realized(found: realized.Realized) -> dict[str, Any]:
    def money(amount: Decimal) -> str:
        return format.money(amount, found.currency)

    interval = "" if found.lower is None or found.upper is None else f"{money(found.lower)} to {money(found.upper)}"
    return {
        "amount": money(found.amount), "interval": interval, "lines": f"{found.lines:,}",
        "method": realized.METHODS[found.method], "notes": [message for _, message in found.notes],
    }  # fmt: skip


def _card(found: realized.Realized) -> Card | None:
    """Cost by day: what it was and what it would have been; None before the first calls."""
    if not found.lines:
        return None
    days = realized.filled(found.days, found.start, found.end)
    return two_lines(
        id="realized", title="Saved since it was applied", currency=found.currency,
        summary=f"{format.money(found.amount, found.currency)} over {found.lines:,} calls.",
        days=[DayPair(day.start, day.actual, day.counterfactual) for day in days],
        words=Words("Cost", "Would have cost", "Saved", -1),
    )  # fmt: skip
