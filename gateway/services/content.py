"""Forgetting what was kept of end users' calls besides their ledger lines."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import F, QuerySet

from gateway.choices import IdempotentState, LimitScope
from gateway.erasure import Found, Subjects, rename_in, rename_in_json
from gateway.models import (
    CachePolicy,
    IdempotentCall,
    LedgerLine,
    LoggedBody,
    ProviderObject,
    RateLimit,
    RejectedRecord,
    Route,
    SavedView,
)
from gateway.services import audit

REQUESTS_AT_ONCE = 2_000


def erase_content(subjects: Subjects) -> Found:
    """Bodies and kept answers of their calls, cached answers of the organization (nobody can say whose question one
    was made for); limits and routes that name them, records of imports that could not be read."""
    found = Found({"requests": 0, "bodies": 0, "kept_answers": 0})
    for requests in _requests(subjects):
        own = {"organization": subjects.organization, "request_id__in": requests}
        kept = IdempotentCall.objects.filter(**own).exclude(state=IdempotentState.NOT_KEPT)
        found.counts["requests"] += len(requests)
        found.counts["bodies"] += LoggedBody.objects.filter(**own).delete()[0]
        found.counts["kept_answers"] += kept.update(state=IdempotentState.NOT_KEPT, answer=None)
    if found.counts["requests"]:
        caches = CachePolicy.objects.filter(organization=subjects.organization)
        found.counts["caches"] = caches.update(generation=F("generation") + 1)
    if subjects.since is None:
        found += _erase_mentions(subjects)
    return found


def _erase_mentions(subjects: Subjects) -> Found:
    """What names them without being a call. A saved view is its owner's: that one may name somebody is told."""
    own = {"organization": subjects.organization}
    rejected = RejectedRecord.objects.filter(run__organization=subjects.organization)
    views = SavedView.objects.filter(**own)
    named = {view for name in subjects.names for view in views.filter(query__contains=name).values_list("name", "page")}
    return Found(
        {
            "rate_limits": rename_scopes(RateLimit.objects.filter(**own), subjects),
            "routes": rename_in_json(Route.objects.filter(**own), "config", subjects),
            "batches": rename_in_json(ProviderObject.objects.filter(**own), "called_by", subjects),
            "rejected_records": sum(rejected.filter(raw__contains=name).delete()[0] for name in subjects.names),
        },
        [f"The saved view {name!r} of the page {page} may name them." for name, page in sorted(named)],
    )


def rename_scopes(rows: QuerySet[Any], subjects: Subjects) -> int:
    """Rename what is about one of them, and make what the trail says of whom it was about unreadable."""
    named = list(rows.filter(scope=LimitScope.END_USER, scope_value__in=subjects.names).values_list("pk", flat=True))
    for row in named:
        audit.erase_subject(row)
    return rename_in(rows.filter(pk__in=named), "scope_value", subjects)


def requests_of(subjects: Subjects) -> Iterator[str]:
    """Ids of the requests that name one of them."""
    lines = LedgerLine.objects.filter(organization=subjects.organization, end_user__in=subjects.names).order_by()
    if subjects.since is not None:
        lines = lines.filter(started_at__gte=subjects.since, started_at__lt=subjects.before)
    yield from lines.values_list("request_id", flat=True).distinct().iterator(chunk_size=REQUESTS_AT_ONCE)


def _requests(subjects: Subjects) -> Iterator[Sequence[str]]:
    ids = requests_of(subjects)
    while chunk := list(islice(ids, REQUESTS_AT_ONCE)):
        yield chunk
