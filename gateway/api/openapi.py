"""How the management API describes itself: typed, with the errors, the header and an example for every operation."""

from collections.abc import Mapping
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema_serializer
from rest_framework import serializers

from gateway.api.organization import HEADER
from gateway.api.permissions import ANYONE, PEOPLE, SIGNED_IN

ORGANIZATION = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Slug of the organization; needed when the caller belongs to several.",
    examples=[OpenApiExample("acme", value="acme")],
)


def examples(*, response: Mapping[str, Any] | None = None, request: Mapping[str, Any] | None = None) -> Any:
    """Class decorator: the examples of a serializer, which every operation that uses it shows."""
    found = []
    if response is not None:
        found.append(OpenApiExample("Response", value=dict(response), response_only=True))
    if request is not None:
        found.append(OpenApiExample("Request", value=dict(request), request_only=True))
    return extend_schema_serializer(examples=found)


ANY_FILE = "*/*"
"""The content type of a download whose format the caller chose: a media range."""


class FieldErrorSerializer(serializers.Serializer):
    """One faulty input."""

    field = serializers.CharField(help_text="Dotted path, e.g. `targets.0.weight`; empty for the whole.")
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What happened and what to do.")
    code = serializers.CharField(help_text="Stable word to program against.")
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # RFC 9457 readers expect this name
    request_id = serializers.CharField(help_text="Finds the request in the logs and the audit trail.")


_TITLES = {
    400: ("Bad Request", "invalid", "1 input is not valid: name: This field is required."),
    401: ("Unauthorized", "not_authenticated", "Authentication credentials were not provided."),
    403: ("Forbidden", "role_required", "Your role does not allow this."),
    404: ("Not Found", "not_found", "There is nothing here, or not for you."),
    409: ("Conflict", "slug_in_use", "The slug search is in use."),
    410: ("Gone", "expired", "The file is kept for seven days."),
    413: ("Content Too Large", "body_too_large", "The request body is too large."),
    415: ("Unsupported Media Type", "unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    429: ("Too Many Requests", "rate_limited", "Request was throttled. Expected available in 30 seconds."),
}


def _problem(status: int) -> OpenApiResponse:
    title, code, detail = _TITLES[status]
    value = {
        "type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, "errors": [],
        "request_id": "req_3f1c2d9a8b7e4f60a1b2c3d4e5f60718",
    }  # fmt: skip
    return OpenApiResponse(ProblemSerializer, description=title, examples=[OpenApiExample(title, value=value)])


class GatewaySchema(AutoSchema):
    """Adds what every operation has: the organization header, the problem responses, `operationId`s by resource."""

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *([ORGANIZATION] if self._is_scoped() else [])]

    def _is_scoped(self) -> bool:
        return getattr(self.view, "is_organization_scoped", True) and self._who() not in (ANYONE, SIGNED_IN, PEOPLE)

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._problem_statuses():
            if str(status) not in bodies:
                body = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    _problem(status), str(status), media_types=["application/problem+json"], direction=direction
                )
                bodies[str(status)] = body
        return bodies

    def _problem_statuses(self) -> list[int]:
        who, statuses = self._who(), [400]  # of a question, too: a parameter that there is not is refused
        if who != ANYONE:
            statuses += [401, 403]
        if "{" in self.path or self._is_scoped() or self._is_list_view():
            statuses.append(404)  # also for an organization that the caller names and is not in, and a page too far
        is_write = self.method not in ("GET", "HEAD") and not getattr(self.view, "only_reads", False)
        if is_write and who != ANYONE:
            statuses.append(409)
        if self.view.throttle_classes:
            statuses += [429]
        extra: Mapping[str, tuple[int, ...]] = getattr(self.view, "extra_problems", {})
        return [*statuses, *extra.get(self._action(), ())]

    def _action(self) -> str:
        return getattr(self.view, "action", None) or self.method.lower()

    def _who(self) -> Any:
        roles = getattr(self.view, "roles", {})
        return roles.get(self._action())


def strip_slashes(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Preprocessing hook: paths accept an optional slash at the end; the document shows the form without."""
    return [(path.rstrip("/") or "/", *rest) for path, *rest in endpoints]
