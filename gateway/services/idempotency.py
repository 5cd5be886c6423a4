"""Answers kept for calls with an `Idempotency-Key`: forgetting them."""

from datetime import UTC, datetime

from gateway.choices import IdempotentState
from gateway.models import IdempotentCall, Organization

PURGE_BATCH = 1_000


def erase_answers(*, organization: Organization, request_id: str) -> int:
    """Forget the kept answers of a request; returns how many. A repeat of the call is refused and not made again."""
    kept = IdempotentCall.objects.filter(organization=organization.pk, request_id=request_id)
    return kept.exclude(state=IdempotentState.NOT_KEPT).update(state=IdempotentState.NOT_KEPT, answer=None)


def purge_calls() -> int:
    """Delete what is past its 24 hours, in batches; returns how many. Safe to run at once with itself."""
    total = 0
    while True:
        due = IdempotentCall.objects.filter(expires_at__lte=datetime.now(UTC)).values_list("pk", flat=True)
        count, _ = IdempotentCall.objects.filter(
            pk__in=list(due[:PURGE_BATCH]), expires_at__lte=datetime.now(UTC)
        ).delete()  # a claim renews a row under a new id, which this never names
        total += count
        if count < PURGE_BATCH:
            return total
