"""Deployments of tuned models at vendors that bill them by the hour: made, watched and deleted in the background.

A wish (`Hosting.is_wanted`) is kept first; a round then asks the vendor by the deployment's name how it stands and
moves it on. Any number of processes make rounds, and one that is cut off anywhere is made again: what a former round
has made is found by its name, and its time is billed from when the vendor made it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from finetuning.backends import Hosted, HostsModels, Refused, Unreachable, host_of, needs_host
from finetuning.choices import HostingState
from finetuning.models import HostedTime, Hosting, TunedModel
from finetuning.services import shares
from finetuning.services.jobs.telling import say
from finetuning.services.jobs.tunedprices import state_price
from gateway.services import audit, catalog
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, ServiceError

LEASE = timedelta(minutes=5)
"""Longer than the calls of one round; the claim of a process that died is free again after it."""
EVERY = timedelta(seconds=15)
EVERY_SERVING = timedelta(minutes=15)
"""How often a deployment that serves is looked at: the vendor ends some by itself."""
FIRST_DELAY_S, LONGEST_DELAY_S = 5, 600
DEVELOPER = "DeveloperTier"
"""Free, and Azure ends it after a day."""
GONE = "The vendor has ended the deployment; deploy the model again to go on."
log = structlog.get_logger(__name__)


def needs_hosting(tuned: TunedModel) -> bool:
    """Whether it answers only where it is deployed."""
    return needs_host(tuned.backend, tuned.provider)


# ---- wishes ----------------------------------------------------------------------------------------------------------
def want(*, tuned: TunedModel, waits: Mapping[str, int], actor: Actor) -> None:
    """Keep the wish that it is deployed, and put on these routes once it answers; in the caller's transaction, which
    has locked the tuned model. Again it adds routes alone. Raises `Conflict` when what it needs is not configured."""
    row = Hosting.objects.select_for_update().filter(tuned=tuned).first()
    is_new = row is None
    if row is None:
        row = Hosting(tuned=tuned, name=f"gateway-{tuned.pk.hex}", is_wanted=False)
    was_wanted = row.is_wanted
    if not was_wanted:
        host = host_of(tuned.backend)
        assert host is not None
        row.kind, row.called, row.per_hour, row.priced_by = host.kind(tuned.provider), "", None, ""
        row.is_wanted, row.has_failed, row.error, row.failures, row.asked_at = True, False, "", 0, None
        row.state, row.waits = HostingState.ASKED, {}
    row.tuned = tuned
    _check(row)
    row.waits, row.due_at = {**row.waits, **waits}, timezone.now()
    row.save(force_insert=is_new)
    if not was_wanted:
        audit.record(
            organization=tuned.organization, actor=actor, verb="hosting.ask", target=tuned,
            after={"deployment": row.name, "kind": row.kind},
        )  # fmt: skip


def _check(row: Hosting) -> None:
    host = host_of(row.tuned.backend)
    assert host is not None
    try:
        host.check(row)
    except Refused as error:
        raise Conflict(error.code, error.message) from error


def unwant(*, tuned: TunedModel, actor: Actor) -> None:
    """Keep the wish that its deployment ends, and serve it no more; in the caller's transaction. Nothing when it is not
    wanted."""
    row = Hosting.objects.select_for_update().filter(tuned=tuned, is_wanted=True).first()
    if row is None:
        return
    row.is_wanted, row.waits, row.error, row.due_at = False, {}, "", timezone.now()
    row.save(update_fields=["is_wanted", "waits", "error", "due_at", "updated_at"])
    _disable(tuned)
    audit.record(
        organization=tuned.organization, actor=actor, verb="hosting.end", target=tuned, after={"deployment": row.name}
    )


# ---- rounds ----------------------------------------------------------------------------------------------------------
def sync_due(limit: int = 20) -> int:
    """Move on deployments whose time has come; returns how many rounds were made."""
    made = 0
    for _ in range(limit):
        row = _claim()
        if row is None:
            break
        _round(row)
        made += 1
    return made


def sync(tuned: TunedModel) -> None:
    """One round now, unless somebody makes it or none is needed. What the vendor does wrong is in `error`, never
    raised."""
    row = _claim(tuned)
    if row is not None:
        _round(row)


@transaction.atomic
def _claim(only: TunedModel | None = None) -> Hosting | None:
    now = timezone.now()
    rows = Hosting.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now)).exclude(due_at=None)
    rows = rows.filter(tuned=only) if only is not None else rows.filter(due_at__lte=now).order_by("due_at")
    related = ("tuned", "tuned__provider")
    row = rows.select_for_update(skip_locked=True, of=("self",)).select_related(*related).first()
    if row is None:
        return None
    row.claimed_until = now + LEASE
    if row.is_wanted and row.asked_at is None:
        row.asked_at = now  # before the vendor hears of it: what is made is billed from here at the latest
    row.save(update_fields=["claimed_until", "asked_at", "updated_at"])
    return row


def _round(row: Hosting) -> None:
    try:
        host = host_of(row.tuned.backend)
        if host is None:
            raise Refused("not_offered", f"Nobody deploys models of {row.tuned.backend}.")
        _move(row, host)
    except Unreachable as error:
        _put_off(row, str(error))
    except Refused as error:
        _put_off(row, error.message, is_refused=True)
    except Exception as error:
        log.exception("hosting_sync_failed", hosting=str(row.pk))
        _put_off(row, f"{type(error).__name__}: the gateway could not follow the deployment.")


def _move(row: Hosting, host: HostsModels) -> None:
    """Ask how it stands and take that over, then ask for what is wanted and take over what came of it."""
    seen = host.hosted(row)
    is_wanted = _take_over(row, seen)
    if is_wanted and seen.state == "absent":
        _take_over(row, host.host(row))
    elif not is_wanted and seen.state != "absent":
        _take_over(row, host.unhost(row))
    Hosting.objects.filter(pk=row.pk).update(claimed_until=None)


@transaction.atomic
def _take_over(row: Hosting, seen: Hosted) -> bool:
    """Write how the vendor says it stands; returns whether it is (still) wanted."""
    now = timezone.now()
    tuned, current = _locked(row)
    begun = HostedTime.objects.select_for_update().filter(tuned=tuned, until=None).first()
    if seen.called:
        current.called = seen.called
    if seen.per_hour is not None:
        current.per_hour, current.priced_by = seen.per_hour, seen.priced_by
    if seen.state == "ready" and begun is None:
        _begin(tuned, current, seen.since or current.asked_at or now)
    if seen.state in ("absent", "failed") and begun is not None:
        _end(tuned, begun, now)
        if current.is_wanted and current.state == HostingState.SERVING:
            _give_up(tuned, current, seen.message or GONE)
            _disable(tuned)
    if current.is_wanted and seen.state == "failed":
        _give_up(tuned, current, f"It could not be deployed: {seen.message}")
    if seen.state != "creating" or begun is None:  # else it is what was asked to be deleted before
        _move_state(tuned, current, seen)
    current.failures, current.due_at = 0, _next(current, now)
    current.save()
    return current.is_wanted


def _locked(row: Hosting) -> tuple[TunedModel, Hosting]:
    """Both as they are now; the tuned model first, as those who wish do."""
    related = ("organization", "catalog_model", "job", "provider")
    tuned = TunedModel.objects.select_for_update(of=("self",)).select_related(*related).get(pk=row.tuned_id)
    return tuned, Hosting.objects.select_for_update().get(pk=row.pk)


def _move_state(tuned: TunedModel, row: Hosting, seen: Hosted) -> None:
    if not row.is_wanted:
        over = HostingState.FAILED if row.has_failed else HostingState.ENDED
        row.state = over if seen.state == "absent" else HostingState.DELETING
    elif seen.state == "ready":
        if row.state != HostingState.SERVING:
            _serve(tuned, row, bills_tokens=seen.bills_tokens)
        row.state, row.error = HostingState.SERVING, ""
        _put_on_routes(tuned, row)
    elif seen.state == "creating":
        row.state, row.error = HostingState.CREATING, ""


def _next(row: Hosting, now: datetime) -> datetime | None:
    if row.is_wanted:
        return now + (EVERY_SERVING if row.state == HostingState.SERVING else EVERY)
    return now + EVERY if row.state == HostingState.DELETING else None


@transaction.atomic
def _put_off(row: Hosting, why: str, *, is_refused: bool = False) -> None:
    """Ask again later, twice as late each time, at most after ten minutes. What the vendor refuses to make is given up,
    and asked to be deleted all the same: an earlier round may have made it. What it will not delete is asked for again
    and again, and billed as long as it stands."""
    tuned, current = _locked(row)
    is_hosted = HostedTime.objects.filter(tuned=tuned, until=None).exists()
    current.failures += 1
    delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(current.failures - 1, 10))
    current.error, current.claimed_until = why, None
    current.due_at = timezone.now() + timedelta(seconds=delay)
    if is_refused and current.is_wanted and not is_hosted:
        _give_up(tuned, current, f"It could not be deployed: {why}")
        current.state = HostingState.DELETING
    current.save()


# ---- what follows ----------------------------------------------------------------------------------------------------
def _begin(tuned: TunedModel, row: Hosting, since: datetime) -> None:
    """From when it is billed; never before the time that was billed last."""
    last = HostedTime.objects.filter(tuned=tuned).order_by("-since").first()
    start = max(since, last.until) if last is not None and last.until is not None else since
    HostedTime.objects.create(
        tuned=tuned, since=start, is_free=row.kind == DEVELOPER, per_hour=row.per_hour, priced_by=row.priced_by
    )
    tuned.hosting_since, tuned.hosting_until = start, None
    tuned.save(update_fields=["hosting_since", "hosting_until", "updated_at"])


def _end(tuned: TunedModel, begun: HostedTime, at: datetime) -> None:
    begun.until = max(at, begun.since)
    begun.save(update_fields=["until", "updated_at"])
    tuned.hosting_until = begun.until
    tuned.save(update_fields=["hosting_until", "updated_at"])


def _give_up(tuned: TunedModel, row: Hosting, why: str) -> None:
    row.is_wanted, row.has_failed, row.error, row.waits = False, True, why, {}
    _tell(tuned, why, level="error")


def _serve(tuned: TunedModel, row: Hosting, *, bills_tokens: bool) -> None:
    """The catalogue asks for it by the deployment's name from now on."""
    called = row.called or row.name
    if tuned.catalog_model is not None:
        catalog.update_model(model=tuned.catalog_model, actor=None, upstream_name=called, is_enabled=True)
        tuned.catalog_model.refresh_from_db()
    if tuned.provider is not None and tuned.hosting_since is not None:
        why = state_price(  # calls are priced by the name that they are sent under
            organization=tuned.organization, provider=tuned.provider, backend=tuned.backend,
            base_model=tuned.base_model, model=called, at=tuned.hosting_since, bills_tokens=bills_tokens,
        )  # fmt: skip
        if why:
            _tell(tuned, why, level="warn")
    _tell(tuned, f"It is deployed as {called}.")


def _disable(tuned: TunedModel) -> None:
    if tuned.catalog_model is not None and tuned.catalog_model.is_enabled:
        catalog.update_model(model=tuned.catalog_model, actor=None, is_enabled=False)


def _put_on_routes(tuned: TunedModel, row: Hosting) -> None:
    for alias, share in row.waits.items():
        try:
            with transaction.atomic():
                shares.put_on(tuned=tuned, alias=alias, share=share, actor=None)
        except ServiceError as error:
            _tell(tuned, f"It was not put on the route {alias}: {error.message}", level="warn")
        else:
            _tell(tuned, f"It answers {share} % of the calls of the route {alias}.")
    row.waits = {}


def _tell(tuned: TunedModel, message: str, *, level: str = "info") -> None:
    """In the events of the job that it came from, where that is still there."""
    if tuned.job is not None:
        say(tuned.job, f"hosting:{timezone.now().isoformat()}", message, level=level)
