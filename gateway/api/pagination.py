"""Pages: `page`, `page_size` (up to 500), `count`, `next`, `previous`, `results`."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response


class PagePagination(PageNumberPagination):
    """Numbered pages with an exact count."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class CappedList(list[Any]):
    """Rows that were gathered already; `is_capped`: there are more."""

    is_capped = False


class CappedPaginator(Paginator):
    """Counts no further than `CAP` rows, so that a page of a large table costs what a page costs."""

    CAP = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, CappedList):
            return len(rows)
        return rows.order_by()[: self.CAP].values("id").count()


class CappedPagination(PagePagination):
    """Numbered pages over a large table: `count` stops at 10,000 and `count_is_capped` says so; beyond that narrow
    the window or go on with `before`."""

    django_paginator_class = CappedPaginator

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        assert self.page is not None
        is_capped = getattr(self.page.paginator.object_list, "is_capped", False)
        response.data["count_is_capped"] = is_capped or self.page.paginator.count >= CappedPaginator.CAP
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        answer = super().get_paginated_response_schema(schema)
        answer["properties"]["count"]["description"] = f"Number of records, counted up to {CappedPaginator.CAP}."
        answer["properties"]["count_is_capped"] = {
            "type": "boolean",
            "example": False,
            "description": "There are more records than `count`; narrow `start` and `end`, or page with `before`.",
        }
        answer["required"] = [*answer["required"], "count_is_capped"]
        return answer
