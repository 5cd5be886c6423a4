"""Verbs: apply, take back, dismiss, snooze. The audit event, and what is changed in the gateway, in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from costs.models import Recommendation
from costs.models import RecommendationState as State
from costs.recommendations import changes, realized
from gateway.models import User
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

LONGEST_REASON = 2_000
LONGEST_SNOOZE_DAYS = 90
CLOSED = (State.APPLIED, State.VERIFIED)


@transaction.atomic
def apply_recommendation(*, recommendation: Recommendation, actor: Actor, share: int = 100) -> Recommendation:
    """Change the gateway as the recommendation says, for `share` % of its calls where it can be split; what the gateway
    cannot do is noted as done by hand. Applying an applied one changes nothing.

    Raises `Invalid` (`share_out_of_range`, `share_not_possible`), `Conflict` (`target_missing`, `alias_missing`,
    `recommendation_expired`, …).
    """
    row = _locked(recommendation)
    if row.is_done:
        return row
    if row.state == State.EXPIRED:
        raise Conflict("recommendation_expired", "The last search did not find this saving any more.")
    if not 1 <= share <= 100:
        raise Invalid("share_out_of_range", "The share is 1 to 100 percent.", field="share")
    done = changes.make(row, actor, share)
    row.applied, row.applied_at, row.realized = done, timezone.now(), None
    row.snoozed_until = None
    return _turn(row, actor, "apply", State.APPLIED, "", share=share, how=done["how"])


@transaction.atomic
def revert_recommendation(*, recommendation: Recommendation, actor: Actor) -> Recommendation:
    """Take back what applying changed; what people have changed since stays. It is open again. Raises `Conflict`."""
    row = _locked(recommendation)
    if not row.is_done:
        raise Conflict("recommendation_not_applied", "Only an applied recommendation can be taken back.")
    changes.undo(row, actor)
    how = (row.applied or {}).get("how")
    row.applied, row.applied_at, row.realized = None, None, None
    realized.keep_hours(row, None)
    return _turn(row, actor, "revert", State.OPEN, "", how=how)


@transaction.atomic
def dismiss_recommendation(*, recommendation: Recommendation, actor: Actor, reason: str) -> Recommendation:
    """Not wanted: searches leave it dismissed until its saving has doubled. Raises `Invalid`, `Conflict`."""
    row = _locked(recommendation)
    said = _reason(reason)
    _check_undone(row)
    if row.state == State.DISMISSED and row.reason == said:
        return row
    row.snoozed_until = None
    return _turn(row, actor, "dismiss", State.DISMISSED, said)


@transaction.atomic
def snooze_recommendation(
    *, recommendation: Recommendation, actor: Actor, days: int, reason: str = ""
) -> Recommendation:
    """Not now: open again after `days`. Raises `Invalid` (`days_out_of_range`), `Conflict`."""
    row = _locked(recommendation)
    if not 1 <= days <= LONGEST_SNOOZE_DAYS:
        raise Invalid("days_out_of_range", f"1 to {LONGEST_SNOOZE_DAYS} days.", field="days")
    said = _reason(reason, is_needed=False)
    _check_undone(row)
    row.snoozed_until = timezone.now() + timedelta(days=days)
    return _turn(row, actor, "snooze", State.SNOOZED, said, until=row.snoozed_until)


def _locked(recommendation: Recommendation) -> Recommendation:
    rows = Recommendation.objects.select_related("organization").select_for_update(of=("self",))
    row: Recommendation = rows.get(pk=recommendation.pk)
    return row


def _reason(text: str, *, is_needed: bool = True) -> str:
    said = text.replace("\0", "").strip()
    if is_needed and not said:
        raise Invalid("reason_missing", "Say why, for who looks at it later.", field="reason")
    if len(said) > LONGEST_REASON:
        raise Invalid("reason_too_long", f"At most {LONGEST_REASON:,} characters.", field="reason")
    return said


def _check_undone(row: Recommendation) -> None:
    if row.state in CLOSED:
        raise Conflict("recommendation_applied", "It is applied; take it back first.")


def _turn(row: Recommendation, actor: Actor, verb: str, state: State, reason: str, **facts: Any) -> Recommendation:
    before = {"state": row.state}
    row.state, row.reason, row.state_at = state, reason, timezone.now()
    row.state_by = actor if isinstance(actor, User) else None
    row.save()
    after = {"state": state, **({"reason": reason} if reason else {}), **facts}
    audit.record(
        organization=row.organization,
        actor=actor,
        verb=f"recommendation.{verb}",
        target=row,
        before=before,
        after=after,
    )
    return row
