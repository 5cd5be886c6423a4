"""What every analytics endpoint shares: it only reads, for any member, narrowed to what that member sees."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from analytics.answers.questions import Questions
from analytics.api import caching
from analytics.query import QueryError
from gateway.api.organization import required_organization
from gateway.api.permissions import MEMBERS, Who
from gateway.services.errors import Invalid, NotFound, ServiceError

FIELDS = {
    "unknown_measure": "measures", "no_measure": "measures", "unknown_dimension": "dimensions",
    "undeclared_tag": "dimensions",
    "limit_out_of_range": "limit", "unknown_order": "order", "unknown_timezone": "timezone", "naive_time": "start",
    "empty_window": "end", "too_many_points": "granularity", "unknown_comparison": "compare_to",
    "unknown_operator": "filters", "bad_value": "filters", "unknown_value": "filters",
    "having_without_dimensions": "having", "horizon_out_of_range": "horizon", "unknown_granularity": "granularity",
    "too_many_dimensions": "dimensions",
}  # fmt: skip
NOT_MODIFIED = OpenApiResponse(description="Nothing changed since the answer with the given `If-None-Match`.")


def answers(serializer: type[BaseSerializer]) -> dict[int, Any]:
    """Responses of an operation, for `extend_schema`."""
    return {200: serializer, 304: NOT_MODIFIED}


class AnalyticsView(APIView):
    """Base. POST asks a long question here and changes nothing, so keys that may read may ask."""

    roles: dict[str, Who] = {"get": MEMBERS, "post": MEMBERS}
    only_reads = True
    request: Request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        required_organization(request)

    def handle_exception(self, exc: Exception) -> Response:
        """A question that has no answer as asked is the caller's to correct."""
        return super().handle_exception(_refusal(exc) if isinstance(exc, QueryError) else exc)

    def questions(self) -> Questions:
        request = self.request
        fresh = caching.is_fresh_wanted(request)
        return Questions(request.user, required_organization(request), is_fresh=fresh)

    def asked(self, serializer: type[BaseSerializer]) -> dict[str, Any]:
        """The checked body."""
        return self._checked(serializer, self.request.data)

    def parameters(self, serializer: type[BaseSerializer]) -> dict[str, Any]:
        """The checked query parameters."""
        return self._checked(serializer, dict(self.request.query_params.items()))

    def answer(self, body: Mapping[str, Any], serializer: type[BaseSerializer], end: datetime) -> Response:
        """`end`: of the window, which says how long the answer may be kept."""
        shown = serializer(body, context={"request": self.request}).data
        return caching.cached(self.request, shown, caching.lifetime_s(end))

    def _checked(self, serializer: type[BaseSerializer], data: Any) -> dict[str, Any]:
        bound = serializer(data=data, context={"request": self.request})
        bound.is_valid(raise_exception=True)
        return bound.validated_data


def _refusal(error: QueryError) -> ServiceError:
    if error.code == "unknown_organization":
        return NotFound("organization_not_found", error.message)
    return Invalid(error.code, error.message, field=FIELDS.get(error.code, ""))
