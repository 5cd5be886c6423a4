"""Usage records that left the ledger, read from the archive for the lists and pages of the API."""

from collections.abc import Callable
from typing import Any

from gateway.api.filters import UsageFilter
from gateway.api.pagination import CappedList
from gateway.api.views.base import Resource
from gateway.models import LedgerLine
from gateway.services import archivedlines
from gateway.services.errors import Invalid, Unavailable

MOST_ARCHIVED = 2_000
MOST_LINES = 500
"""Of one request."""


def with_archive(view: Resource, rows: Any, narrow: Callable[[Any], Any]) -> Any:
    """`rows` as they are, or, where their window reaches into the archive, the first `MOST_ARCHIVED` of both in the
    order of `rows`. `narrow`: visibility and filters of the list. Raises `Invalid` and `Unavailable`."""
    asked = UsageFilter(data=view.request.query_params, queryset=LedgerLine.objects.none(), request=view.request)
    if not asked.is_valid():
        return rows
    start, end = asked.window
    if not archivedlines.touches(start, end):
        return rows
    question = archivedlines.Question(
        view.organization.pk, start, end, MOST_ARCHIVED + 1, rows.query.order_by[0].startswith("-"),
        request_id=asked.form.cleaned_data.get("request_id") or None,
    )  # fmt: skip
    found = _told(lambda: archivedlines.merged(list(rows[: question.limit]), question, narrow))
    answer = CappedList(found[:MOST_ARCHIVED])
    answer.is_capped = len(found) > MOST_ARCHIVED
    return answer


def archived_request(view: Resource, value: str) -> list[LedgerLine]:
    """Lines of a request, oldest first. Raises `Invalid` and `Unavailable`."""
    if not archivedlines.is_configured():
        return []
    user = view.request.user
    return _told(
        lambda: archivedlines.of_request(
            view.organization.pk, value, lambda rows: rows.visible_to(user), limit=MOST_LINES
        )
    )


def _told(read: Callable[[], list[LedgerLine]]) -> list[LedgerLine]:
    try:
        return read()
    except archivedlines.TooSlow:
        message = (
            "Hardly a record of the archive matches, and not enough were found in five seconds: narrow start and end."
        )
        raise Invalid("window_too_wide", message, field="start") from None
    except archivedlines.Unreadable:
        raise Unavailable("archive_unavailable", "The archive of old records cannot be read now.") from None
