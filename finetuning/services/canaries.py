"""Watches over tuned models on routes: begun, changed and ended as people deploy and withdraw. What is decided by
looking is in `canarylooks`.

Everything here happens in the caller's transaction, which has locked the tuned model: whoever looks locks it
first, too.
"""

from typing import Any

from django.utils import timezone

from finetuning.choices import CanaryGuard, CanaryState
from finetuning.models import Canary, TunedModel
from finetuning.services import shares
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid


def watch(*, tuned: TunedModel, alias: str, share: int, guard: str, actor: Actor) -> None:
    """Watch it on the route, as `guard` says; a watch that goes on there takes the new share and guard over. With
    nothing to compare it with (all calls), or switched off, a watch ends. Raises `Invalid`."""
    if guard not in CanaryGuard.values:
        raise Invalid("canary_guard", f"The guard is one of {', '.join(CanaryGuard.values)}.", field="canary_guard")
    if guard == CanaryGuard.OFF:
        end(tuned=tuned, alias=alias, why="It was switched off.", actor=actor)
        return
    if share == shares.WHOLE:
        end(tuned=tuned, alias=alias, why="It got all calls: there is nothing to compare it with.", actor=actor)
        return
    now, known = timezone.now(), _watching(tuned, alias)
    row = known or Canary(tuned=tuned, route=alias)
    before = {"share": row.share, "guard": row.guard} if known else None
    row.share, row.guard, row.due_at = share, guard, now
    if row.since is None and alias in tuned.serving.get("routes", {}):
        row.since = now
    row.save(force_insert=known is None)
    if before != {"share": share, "guard": guard}:
        _audit(row, tuned, "canary.watch", actor, before=before, after={"share": share, "guard": guard})


def end(*, tuned: TunedModel, alias: str, why: str, actor: Actor) -> None:
    """Watch it no more; nothing when it is not watched."""
    row = _watching(tuned, alias)
    if row is not None:
        close(row, tuned, CanaryState.ENDED, why, actor=actor)


def close(row: Canary, tuned: TunedModel, state: CanaryState, why: str, *, actor: Actor) -> None:
    """Write the end of a watch, with its audit row."""
    row.state, row.why, row.ended_at, row.due_at = state, why, timezone.now(), None
    row.save()
    after = {"why": why, "looks": row.looks, "measures": row.measures}
    _audit(row, tuned, f"canary.{state}", actor, before=None, after=after)


def _watching(tuned: TunedModel, alias: str) -> Canary | None:
    return Canary.objects.select_for_update().filter(tuned=tuned, route=alias, state=CanaryState.WATCHING).first()


def _audit(
    row: Canary, tuned: TunedModel, verb: str, actor: Actor, *, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:  # fmt: skip
    audit.record(
        organization=tuned.organization, actor=actor, verb=verb, target=tuned, before=before,
        after={"route": row.route, **after},
    )  # fmt: skip
