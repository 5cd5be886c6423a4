"""What can be asked of an upstream from the console: does it answer, what does it offer, how healthy was it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from gateway import outbound
from gateway.models import LedgerLine, Model, Organization, Provider
from gateway.services import catalog, listing
from gateway.services.audit import Actor
from gateway.services.deployments import Reported
from gateway.services.errors import Invalid, ServiceError


class UpstreamRefused(ServiceError):
    """The upstream could not be asked, or did not answer usefully."""

    status = 502


@dataclass(frozen=True, slots=True)
class Listing:
    """One real call to an upstream's list of models. `error` is None when it worked; then `names` is its answer."""

    names: tuple[str, ...]
    http_status: int | None
    elapsed_ms: float | None
    error: tuple[str, str] | None
    at: datetime


def list_models(provider: Provider) -> Listing:
    """Ask the upstream what it offers. Never raises for what the upstream does; makes one outbound call."""
    now = timezone.now()
    try:
        url, headers = listing.listing_request(provider)
        answer = outbound.request("GET", url, headers=headers)
    except outbound.OutboundError as error:
        return Listing((), None, None, (error.code, error.message), now)
    if answer.status != 200:
        return Listing((), answer.status, answer.elapsed_ms, _refusal(answer.status), now)
    try:
        names = listing.names(answer.json())
    except outbound.OutboundError as error:
        return Listing((), answer.status, answer.elapsed_ms, (error.code, error.message), now)
    return Listing(names, answer.status, answer.elapsed_ms, None, now)


def _refusal(status: int) -> tuple[str, str]:
    if status in (401, 403):
        return "credential_refused", f"The upstream refused the credential (HTTP {status})."
    if 300 <= status < 400:
        return (
            "redirect_refused",
            f"The upstream redirects (HTTP {status}); redirects are not followed. Correct the URL.",
        )
    return "upstream_status", f"The upstream answered with HTTP {status}."


@dataclass(frozen=True, slots=True)
class Discovered:
    """One model the upstream offers; `model` None: not in the catalog."""

    upstream_name: str
    model: UUID | None
    was_added: bool = False


def discover(
    *, provider: Provider, organization: Organization | None, actor: Actor, add: Sequence[str] = ()
) -> list[Discovered]:
    """What the upstream offers beside what the catalog has; adds those named in `add`.

    Raises `UpstreamRefused`, `Invalid` when a name to add is not offered.
    """
    offered = list_models(provider)
    if offered.error:
        raise UpstreamRefused(offered.error[0], offered.error[1])
    missing = sorted(set(add) - set(offered.names))
    if missing:
        raise Invalid("model_not_offered", f"The upstream does not offer {', '.join(missing[:5])}.", field="add")
    return _matched(provider, organization, actor, offered.names, frozenset(add))


@transaction.atomic
def _matched(
    provider: Provider, organization: Organization | None, actor: Actor, names: Sequence[str], add: frozenset[str]
) -> list[Discovered]:
    scope = Q(organization=None) | (Q(organization=organization) if organization else Q())
    rows = Model.objects.filter(scope, provider=provider).order_by(F("organization").asc(nulls_first=True))
    known = {row.upstream_name: row.pk for row in rows}  # the organization's own row comes last and wins
    found = []
    for name in names:
        was_added = name in add and name not in known
        if was_added:
            made = catalog.create_model(organization=organization, actor=actor, provider=provider, name=name)
            known[name] = made.pk
        found.append(Discovered(name, known.get(name), was_added))
    return found


# ---- health --------------------------------------------------------------------------------------------------------

_HEALTH_SQL = """
SELECT count(*) FILTER (WHERE started_at >= %(hour)s),
       count(*) FILTER (WHERE started_at >= %(hour)s AND failed),
       count(*) FILTER (WHERE started_at >= %(day)s),
       count(*) FILTER (WHERE started_at >= %(day)s AND failed),
       count(*),
       count(*) FILTER (WHERE failed),
       count(*) FILTER (WHERE started_at >= %(recent)s),
       count(*) FILTER (WHERE started_at >= %(recent)s AND failed),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE started_at >= %(hour)s)
FROM (
  SELECT started_at, duration_ms, status IN ('upstream_error', 'timeout') AS failed
  FROM gateway_ledgerline
  WHERE organization = %(organization)s AND started_at >= %(month)s AND started_at < %(now)s
    AND provider = %(provider)s AND kind = 'attempt' AND status NOT IN ('cancelled', 'interrupted')
) AS attempts
"""
RECENT = timedelta(minutes=10)
DEGRADED_SHARE = 0.05
DOWN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Health:
    """An upstream as one organization's traffic saw it; shares are None without attempts in their window."""

    provider: UUID
    state: str
    attempts_1h: int
    availability_1h: float | None
    availability_24h: float | None
    availability_30d: float | None
    latency_p95: float | None
    last_error: LedgerLine | None
    as_of: datetime
    notes: list[dict[str, str]] = field(default_factory=list)
    circuits: list[Reported] = field(default_factory=list)


def health(provider: Provider, organization: Organization) -> Health:
    """Availability over 1 h, 24 h and 30 d, p95 of the last hour (nearest rank), the last failure. Two queries, both
    inside the organization's time index. Up: under 5 % failures in the last ten minutes (or, without traffic then,
    the last hour); down: half or more; degraded: between."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _HEALTH_SQL,
            {
                "organization": organization.pk, "provider": provider.slug, "now": now, "recent": now - RECENT,
                "hour": now - timedelta(hours=1), "day": now - timedelta(days=1), "month": now - timedelta(days=30),
            },
        )  # fmt: skip
        hour, hour_bad, day, day_bad, month, month_bad, recent, recent_bad, p95 = cursor.fetchone()
    state = _state(recent, recent_bad) if recent else _state(hour, hour_bad)
    notes = (
        [] if hour else [{"code": "no_traffic", "message": "No attempts in the last hour, so the state is unknown."}]
    )
    return Health(
        provider=provider.pk, state=state, attempts_1h=hour, availability_1h=_availability(hour, hour_bad),
        availability_24h=_availability(day, day_bad), availability_30d=_availability(month, month_bad),
        latency_p95=p95, last_error=_last_failure(provider, organization, now) if month_bad else None, as_of=now,
        notes=notes,
    )  # fmt: skip


def _availability(attempts: int, failures: int) -> float | None:
    return 1 - failures / attempts if attempts else None


def _state(attempts: int, failures: int) -> str:
    if not attempts:
        return "unknown"
    share = failures / attempts
    return "down" if share >= DOWN_SHARE else "degraded" if share >= DEGRADED_SHARE else "up"


def _last_failure(provider: Provider, organization: Organization, now: datetime) -> LedgerLine | None:
    lines = LedgerLine.objects.in_window(now - timedelta(days=30), now)
    lines = lines.filter(organization=organization.pk, provider=provider.slug, kind="attempt")
    return lines.filter(status__in=["upstream_error", "timeout"]).order_by("-started_at", "-id").first()
