"""Links to the requests behind a figure: the explorer's filters are named as the dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from urllib.parse import urlencode

from django.urls import get_script_prefix, reverse

from analytics.console.periods import Period

Filters = Mapping[str, Sequence[str]]


def period_url(organization: str, period: Period, filters: Filters, **values: str) -> str:
    """The requests of the whole period; `values`: one more value by dimension."""
    return _url(organization, period.query, filters, values)


def bucket_url(organization: str, start: str, end: str, filters: Filters, **values: str) -> str:
    """The requests between two instants (RFC 3339)."""
    return _url(organization, {"start": start, "end": end}, filters, values)


def base_url(organization: str, filters: Filters) -> str:
    """What a chart adds `start`, `end` and a value to."""
    return _url(organization, {}, filters, {})


def _url(organization: str, window: Mapping[str, str], filters: Filters, values: Mapping[str, str]) -> str:
    pairs = [("organization", organization)] if organization else []
    pairs += window.items()
    pairs += [(name, value) for name, given in filters.items() if name not in values for value in given]
    return f"{_page(get_script_prefix())}?{urlencode([*pairs, *values.items()])}"


@cache
def _page(prefix: str) -> str:
    """Path of the requests under a script prefix; a page has hundreds of links there."""
    return reverse("admin:requests")
