"""The search for savings over an organization's own ledger, read once."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from costs.bookshelf import book_of
from costs.savings import reading
from costs.savings.candidates import View
from costs.savings.commitments import Commitment
from costs.savings.committed import commitments_of
from costs.savings.pricing import BatchPricer
from costs.savings.proposals import Findings
from costs.savings.replay import Ledger
from costs.savings.search import search
from costs.savings.units import money, total
from gateway.models import Organization


def find(
    organization: Organization,
    *,
    start: datetime,
    end: datetime,
    at: datetime | None = None,
    commitments: Sequence[Commitment] | None = None,
) -> Findings:
    """What could have been saved in `[start, end)`, by the calls that were made and the prices of their time.

    `at`: no call after it counts, and the window ends there (None: as asked for). `commitments` None: the
    organization's own. Everything is read in one snapshot.
    Raises ValueError for a window that is empty.
    """
    end = end if at is None else min(end, at)
    if end <= start:
        raise ValueError("the window must end after it begins")
    with transaction.atomic():
        if not connection.savepoint_ids:  # else the caller's transaction decides the snapshot
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = reading.read(organization, start, end)
        if commitments is None:
            commitments = list(commitments_of(organization, found.start, found.end))
        view = _view(organization, found, commitments)
    return search(view, notes=(*found.notes, *_unexplained(view)))


def _view(organization: Organization, found: reading.Found, commitments: Sequence[Commitment]) -> View:
    offer = reading.offer_of(organization)
    book = book_of(organization)
    pricer = BatchPricer(book, found.start, found.end, str(organization.pk), found.currency)
    targets = {number: offer.target(profile) for number, profile in enumerate(found.lines.profiles)}
    return View(
        Ledger.of(found.lines, pricer, targets), found.start, found.end, models=offer.models,
        scores=reading.scores_of(organization, found.start, found.end),
        commitments=[one for one in commitments if one.currency == found.currency],
        response_cache=reading.caches_of(organization), names=reading.names_of(organization),
    )  # fmt: skip


def _unexplained(view: View) -> Iterable[tuple[str, str]]:
    left = (view.lines.cost > 0) & ~view.ledger.explained
    if count := int(left.sum()):
        cost = money(total(view.lines.cost[left]))
        yield (
            "not_explained", f"{count:,} calls over {cost:.2f} {view.pricer.currency} do not cost what the price book "
            "says of their tokens (prices that changed since, searches, media, imported costs): they are in no change "
            "of model, tier or token count.",
        )  # fmt: skip
