"""The state of the explorer, which is its URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from analytics.console.explorer import columns
from analytics.console.explorer.columns import Column
from analytics.console.explorer.filters import Filters, read_filters
from analytics.console.explorer.window import Window, read_window
from analytics.console.periods import Period
from gateway.models import Organization


@dataclass(frozen=True, slots=True)
class State:
    """`is_live`: the newest rows come by themselves."""

    organization: Organization
    period: Period
    filters: Filters
    columns: Sequence[Column]
    is_live: bool = False

    @property
    def query(self) -> list[tuple[str, str]]:
        names = [column.name for column in self.columns]
        pairs = [("organization", self.organization.slug), *self.period.query.items(), *self.filters.query]
        if tuple(names) != columns.DEFAULT:
            pairs.append(("columns", ",".join(names)))
        return pairs + [("live", "1")] * self.is_live

    @property
    def text(self) -> str:
        return urlencode(self.query)

    @property
    def saved_text(self) -> str:
        """What a saved view keeps: not the organization, not two instants that are soon past."""
        kept = replace(self, is_live=False).query
        dropped = {"organization"} | ({"start", "end"} if self.is_exact else set())
        return urlencode([(name, value) for name, value in kept if name not in dropped])

    @property
    def is_exact(self) -> bool:
        return isinstance(self.period, Window)

    def url(self, **changes: Any) -> str:
        """The list with `changes`, from its first page."""
        return f"{reverse('admin:requests')}?{replace(self, **changes).text}"

    @property
    def without_filters(self) -> str:
        return self.url(filters=Filters())

    @property
    def live_toggled(self) -> str:
        return self.url(is_live=not self.is_live)

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """For a form that changes the columns."""
        return [pair for pair in self.query if pair[0] != "columns"]


def read_state(request: HttpRequest, organization: Organization) -> State:
    """Two instants are past, so a list of them is never live."""
    period = read_window(request.GET, timezone.now(), organization.reporting_timezone)
    is_live = request.GET.get("live") == "1" and period.end > timezone.now() and not isinstance(period, Window)
    return State(organization, period, read_filters(request.GET), columns.chosen(request), is_live)
