"""Looks at tuned models on shares of routes: what the ledger and recorded scores say, and what follows from it.

A look is one transaction that has locked the tuned model and its watch: of any number of processes one looks, and one
that is killed has done nothing. The withdrawal from the route, the audit row, the job's event and the messages are in
that transaction, so a decision is made and told once.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Avg
from django.utils import timezone

from finetuning.canary import Arm, Decision, Look, decide
from finetuning.choices import CanaryGuard, CanaryState
from finetuning.models import Canary, Hosting, TunedModel
from finetuning.services import canaries, deploying, shares
from finetuning.services.jobs import notifying
from finetuning.services.jobs.telling import say
from gateway.choices import LineKind, LineStatus
from gateway.models import LedgerLine, QualityScore
from gateway.services.errors import ServiceError

EVERY, LONGEST = timedelta(minutes=1), timedelta(hours=1)
"""Between two looks; a thirtieth of the time that it is watched, between these."""
SETTLED = timedelta(minutes=1)
"""So young calls are left for the next look: they may still be running."""
HORIZON = timedelta(days=30)
MOST = 100_000
"""Calls that are looked at; who decides nothing by then never will."""
NO_OUTCOME = (LineStatus.CANCELLED, LineStatus.INTERRUPTED, LineStatus.DENIED)
"""Nobody's failure: the caller left, the gateway was killed, a local head handed the call on."""
log = structlog.get_logger(__name__)


def look_due(limit: int = 100) -> int:
    """Look at those whose time has come; returns how many looks were made."""
    due = Canary.objects.filter(due_at__lte=timezone.now()).order_by("due_at")[:limit]
    return sum(look(pk) for pk in due.values_list("pk", flat=True))


def look(identity: UUID) -> bool:
    """One look, unless another process makes it or it is not due. What goes wrong puts it off, and is logged."""
    try:
        with transaction.atomic():
            return _look(identity)
    except Exception:
        log.exception("canary_look_failed", canary=str(identity))
        rows = Canary.objects.filter(pk=identity, state=CanaryState.WATCHING)
        rows.update(due_at=timezone.now() + 5 * EVERY)
        return False


def _look(identity: UUID) -> bool:
    now = timezone.now()
    rows = TunedModel.objects.select_for_update(skip_locked=True, of=("self",)).defer("artifact")
    related = ("organization", "catalog_model__provider", "job")
    tuned = rows.select_related(*related).filter(canaries=identity).first()
    if tuned is None:
        return False
    due = Canary.objects.select_for_update().filter(pk=identity, state=CanaryState.WATCHING, due_at__lte=now)
    row = due.first()
    if row is None:
        return False
    if row.route not in tuned.serving.get("routes", {}):
        _absent(row, tuned, now)
        return False
    if row.since is None:
        row.since, row.due_at = now, now + EVERY
        row.save(update_fields=["since", "due_at", "updated_at"])
        return False
    mine, others, is_full = arms(row, tuned, row.since, now - SETTLED)
    found = decide(mine, others, may_promote=row.guard == CanaryGuard.PROMOTE)
    _keep(row, found, row.since, now)
    _act(row, tuned, found, is_over=is_full or now - row.since >= HORIZON)
    return True


def _absent(row: Canary, tuned: TunedModel, now: datetime) -> None:
    """It waits for its deployment, or somebody has taken it off in another way."""
    if Hosting.objects.filter(tuned=tuned, is_wanted=True, waits__has_key=row.route).exists():
        row.due_at = now + EVERY
        row.save(update_fields=["due_at", "updated_at"])
    else:
        canaries.close(row, tuned, CanaryState.ENDED, "It is on the route no more.", actor=None)


def _keep(row: Canary, found: Look, since: datetime, now: datetime) -> None:
    row.looks, row.looked_at, row.decision, row.why = row.looks + 1, now, found.decision.value, found.why
    row.measures = [asdict(one) for one in found.measures]
    row.due_at = now + min(max((now - since) / 30, EVERY), LONGEST)


def _act(row: Canary, tuned: TunedModel, found: Look, *, is_over: bool) -> None:
    try:
        with transaction.atomic():
            if found.decision is Decision.ROLL_BACK:
                canaries.close(row, tuned, CanaryState.ROLLED_BACK, found.why, actor=None)
                deploying.withdraw(tuned=tuned, alias=row.route, actor=None)
            elif found.decision is Decision.PROMOTE:
                canaries.close(row, tuned, CanaryState.PROMOTED, found.why, actor=None)
                shares.put_on(tuned=tuned, alias=row.route, share=shares.WHOLE, actor=None)
            elif is_over:
                canaries.close(row, tuned, CanaryState.ENDED, f"Nothing was decided. {found.why}", actor=None)
    except ServiceError as error:
        row.state, row.ended_at = CanaryState.WATCHING, None
        row.due_at = timezone.now() + 5 * EVERY
        row.why = f"{found.why} That could not be done: {error.message}"
    row.save()
    if row.state != CanaryState.WATCHING and tuned.job is not None:
        _tell(row, tuned)


def _tell(row: Canary, tuned: TunedModel) -> None:
    assert tuned.job is not None
    words = {
        CanaryState.ROLLED_BACK: f"It was taken off the route {row.route}.",
        CanaryState.PROMOTED: f"It answers all calls of the route {row.route}.",
    }.get(CanaryState(row.state), f"It is watched no more on the route {row.route}.")
    level = "warn" if row.state == CanaryState.ROLLED_BACK else "info"
    say(tuned.job, f"canary:{row.pk}", f"{words} {row.why}", level=level)
    news = {"id": str(row.pk), "route": row.route, "state": str(row.state), "looks": row.looks, "why": row.why}
    notifying.tell(tuned.job, "canary", mark=row.pk.hex[-12:], words=words, news={"canary": news})


def arms(row: Canary, tuned: TunedModel, since: datetime, until: datetime) -> tuple[Arm, Arm, bool]:
    """Outcomes of `[since, until)`, in the order in which calls began: of the tuned model, and of the route's other
    targets; and whether there were more than are looked at. First tries alone, since what a target gets after another
    has failed was not drawn for it. Two queries."""
    assert tuned.catalog_model is not None
    lines = (
        LedgerLine.objects.filter(
            organization=tuned.organization_id, route=row.route, kind=LineKind.ATTEMPT, started_at__gte=since,
            started_at__lt=until, route_decision__attempt=1,
        )
        .exclude(status__in=NO_OUTCOME)
        .order_by("started_at", "id")
        .values_list("id", "provider", "model_served", "status")[:MOST]
    )  # fmt: skip
    name = (tuned.catalog_model.provider.slug, tuned.catalog_model.name)
    found = [(line, (provider, model) == name, status) for line, provider, model, status in lines]
    models = {model for _, _, model, _ in lines}
    scores = _scores(tuned, models, since, until)
    mine, others = (
        Arm(
            [float(status != LineStatus.OK) for _, is_mine, status in found if is_mine is wanted],
            [scores[line] for line, is_mine, _ in found if is_mine is wanted and line in scores],
        )
        for wanted in (True, False)
    )
    return mine, others, len(found) == MOST


def _scores(tuned: TunedModel, models: set[str | None], since: datetime, until: datetime) -> Mapping[UUID, float]:
    """By line, the mean of all opinions about it."""
    rows: Any = QualityScore.objects.filter(
        organization=tuned.organization_id, model__in=[model for model in models if model], score__isnull=False,
        line_started_at__gte=since, line_started_at__lt=until,
    )  # fmt: skip
    means = rows.order_by().values_list("line").annotate(mean=Avg("score"))
    return {line: float(mean) for line, mean in means}
