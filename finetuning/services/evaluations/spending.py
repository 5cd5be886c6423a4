"""What a run may spend: its limit is the budget of the keys that it asks with.

The data plane holds the worst case of each call on that budget, or gives the answer less room, before anything is sent,
so however many ask at once, and however often a run is killed and goes on, no answer passes the limit.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from finetuning.models import Evaluation, Recording
from finetuning.money import LISTED_CURRENCY, Sums
from finetuning.services.evaluations.asking import Reply, knows
from gateway.services import keys

KNOWN_WITHIN_S = 30.0
KEY_LIFE = timedelta(hours=12)
OF_A_BUDGET = ("budget_exceeded", "budget_reserved")
UNPRICED = "unpriced_model"
UNKNOWN = "What an answer costs is not known, so its limit could not be kept."
CUT = "The limit had no room for the whole answer."
Run = Evaluation | Recording


class Stopped(Exception):
    """The run goes no further; the message says why."""


@dataclass(frozen=True, slots=True)
class Asker:
    """`budget`: by which the data plane names what its keys may spend."""

    secret: str
    budget: str


@contextmanager
def asker_of(run: Run, name: str) -> Iterator[Asker]:
    """With a key that ends with the run. Raises Stopped when the data plane does not take it."""
    issued = _issue(run, name[:100])
    try:
        until = time.monotonic() + KNOWN_WITHIN_S
        while not knows(issued.secret):
            if time.monotonic() > until:
                raise Stopped("The gateway does not answer at GATEWAY_INTERNAL_URL.")
            time.sleep(0.3)
        yield Asker(issued.secret, str(issued.key.lineage))
    finally:
        keys.revoke_key(key=issued.key, actor=run.created_by)


@transaction.atomic
def _issue(run: Run, name: str) -> keys.IssuedKey:
    """Those of one run share its budget, also of processes that run it at the same time."""
    rows: type[Run] = type(run)
    locked = rows.objects.select_for_update(of=("self",)).select_related("key").get(pk=run.pk)
    issued = keys.create_key(
        organization=run.organization, project=run.project, actor=run.created_by, name=name,
        expires_at=timezone.now() + KEY_LIFE, scopes=["inference"], budget_amount=run.budget_limit,
        shares_budget_of=locked.key,
    )  # fmt: skip
    if locked.key is None:
        locked.key = issued.key
        locked.save(update_fields=["key", "updated_at"])
    return issued


# ---- the limit -------------------------------------------------------------------------------------------------------
def is_refused(reply: Reply, asker: Asker) -> bool:
    """Whether its own limit refused the answer, so that nothing was asked."""
    return reply.refusal in OF_A_BUDGET and reply.budget == asker.budget


def why_over(run: Run, replies: Sequence[Reply], asker: Asker, spent: Sums) -> str:
    """Why a run with a limit ends after these answers; empty: it goes on. `spent`: of all its answers."""
    if run.budget_limit is None:
        return ""
    if any(reply.refusal == UNPRICED or (not reply.error and reply.cost is None) for reply in replies):
        return UNKNOWN
    if any(is_refused(reply, asker) or reply.is_cut for reply in replies):
        return why_spent(run, spent)
    return why_reached(run, spent)


def why_reached(run: Run, spent: Sums) -> str:
    """The same of what was spent alone."""
    if run.budget_limit is None:
        return ""
    if len(spent) > 1:
        return f"Its answers are billed in {' and '.join(sorted(spent))}, so one limit could not be kept."
    return why_spent(run, spent) if sum(spent.values()) >= run.budget_limit else ""


def why_spent(run: Run, spent: Sums) -> str:
    """What people read."""
    assert run.budget_limit is not None
    currency = next(iter(spent), LISTED_CURRENCY)
    return f"Its limit of {run.budget_limit.normalize():f} {currency} is spent."
