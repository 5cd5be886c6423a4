"""`ordering` and `search` of lists: what a list does not know is said, never ignored."""

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request


class StrictOrdering(OrderingFilter):
    """DRF's, but an unknown name is a 400 (`ordering_unknown`)."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Any:
        asked = [name.strip() for name in request.query_params.get(self.ordering_param, "").split(",") if name.strip()]
        known = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [name for name in asked if name.removeprefix("-") not in known]
        if unknown:
            words = (
                f"Unknown: {', '.join(unknown)}. This list is ordered by {', '.join(known)}, descending with a minus."
            )
            raise ValidationError({self.ordering_param: words}, code="ordering_unknown")
        return super().get_ordering(request, queryset, view)


class LedgerOrdering(StrictOrdering):
    """By time alone, either way: the order of the index, with the id to make it one order. Newest first unless said."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Sequence[str]:
        given = super().get_ordering(request, queryset, view) or ("-started_at",)
        return ("started_at", "id") if given[0] == "started_at" else ("-started_at", "-id")

    def get_default_ordering(self, view: Any) -> Any:
        return None
