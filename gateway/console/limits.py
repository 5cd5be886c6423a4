"""Rate limits: how far each is used in the running minute, and how they are enforced at this moment."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from gateway.choices import LimitScope, Role
from gateway.console.names import Names, names_of
from gateway.console.registry import ConsoleSite
from gateway.console.scope import frame, may_administer
from gateway.dataplane.limits.views import CONCURRENCY, REQUESTS, SHARED, SHARES, TOKENS
from gateway.models import RateLimit
from gateway.scopes import is_each
from gateway.services.rate_limits import Enforcement, LimitUse, Use, use_of

PER_PAGE = 50
WARN_AT = 0.8
UNITS = {REQUESTS: "requests per minute", TOKENS: "tokens per minute", CONCURRENCY: "at a time"}
COLUMNS = ((REQUESTS, "Requests"), (TOKENS, "Tokens"), (CONCURRENCY, "Concurrent"))


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of a limit as the page shows it; `note`: when its window ends."""

    label: str
    share: float
    text: str
    tone: str
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """One limit. `cells` by column, None where it says nothing."""

    limit: RateLimit
    about: str
    cells: list[Cell | None]
    pill: str
    tone: str
    would_limit: int


@require_safe
def limit_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Limits of the organization that the person sees, fifty a page. Three queries, one more for each kind of thing
    that they are named after."""
    context, organization = frame(request, site, "Rate limits")
    rows = RateLimit.objects.visible_to(request.user).filter(organization=organization)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found, enforcement = use_of(page.object_list, timezone.now())
    pairs = {(one.limit.scope, one.limit.scope_value) for one in found}
    pairs |= {(one.limit.scope, use.subject) for one in found for use in one.uses}
    names = names_of(pairs)
    context |= {
        "rows": [_row(one, names) for one in found],
        "columns": [name for _, name in COLUMNS],
        "page": page,
        "state": _state(enforcement),
        "may_change": may_administer(request, organization) or getattr(organization, "role", None) == Role.MANAGER,
    }
    return render(request, "console/limits.html", context)


def _row(one: LimitUse, names: Names) -> Row:
    limit = one.limit
    by_kind = {use.kind: use for use in one.uses}
    cells = [_cell(limit, by_kind[kind], names) if kind in by_kind else None for kind, _ in COLUMNS]
    pill, tone = ("Off", "") if not limit.is_enabled else ("Shadow", "warn") if limit.is_shadow else ("On", "ok")
    return Row(limit, _about(limit, names), cells, pill, tone, one.would_limit)


def _cell(limit: RateLimit, use: Use, names: Names) -> Cell:
    share = use.used / use.limit if use.limit else 1.0
    tone = "bad" if share >= 1 else "warn" if share >= WARN_AT else ""
    subject = names.get((limit.scope, use.subject), use.subject)
    resets = f"resets in {round(use.resets_in_s)} s" if use.resets_in_s is not None else ""
    text = f"{use.used:,} of {use.limit:,}"
    return Cell(UNITS[use.kind], share, text, tone, " · ".join(filter(None, (subject, resets))) if use.used else "")


def _about(limit: RateLimit, names: Names) -> str:
    """`Team Search`; of a limit for each, `Each end user`."""
    kind = limit.get_scope_display()
    if limit.scope == LimitScope.ORGANIZATION:
        return kind
    if is_each(limit.scope_value):
        name = limit.scope_value.partition("=")[0] if limit.scope == LimitScope.TAG else ""
        return f"Each {kind.lower()} {name}".strip()
    return f"{kind} {names.get((limit.scope, limit.scope_value), limit.scope_value)}"


def _state(enforcement: Enforcement) -> dict[str, str]:
    """How limits are enforced now, for an alert; empty when there is nothing to say."""
    count = enforcement.processes
    if count == 0:
        return _alert("warn", "No data plane was heard of in the last seconds.", "Use is unknown until one reports.")
    if enforcement.mode == SHARES:
        text = f"Each of {count} data planes admits an equal part of every limit until it returns."
        return _alert("warn", "Redis is away.", text)
    if enforcement.mode != SHARED and count > 1:
        text = "Each admits an equal part of every limit. Set REDIS_URL to make limits exact."
        return _alert("bad", f"{count} data planes run without Redis.", text)
    return {}


def _alert(tone: str, title: str, text: str) -> dict[str, str]:
    return {"tone": tone, "title": title, "text": text}
