"""How SCIM speaks HTTP: its media type, its errors."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from gateway.api.parsers import BoundedJSONParser
from gateway.api.problems import outside, problem_response
from gateway.scim import shapes
from gateway.scim.errors import ScimError
from gateway.services.errors import ServiceError

PREFIX = "/api/v1/scim/"
MEDIA_TYPE = "application/scim+json"
_UNIQUE = frozenset({"already_member", "account_exists", "external_id_in_use", "group_exists", "slug_in_use"})
_STATE = frozenset({"last_owner", "group_kind", "team_in_use"})


class ScimRenderer(JSONRenderer):
    media_type = MEDIA_TYPE
    format = "scim"


class ScimParser(BoundedJSONParser):
    media_type = MEDIA_TYPE


def scim_problem(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal in SCIM's shape; None for what nobody foresaw: Django logs it and `plain_error` answers."""
    if isinstance(exc, ScimError):
        set_rollback()
        return _answer(exc.status, exc.detail, exc.kind)
    found = problem_response(exc, context)
    if found is None:
        return None
    status, kind = found.status_code, ""
    if isinstance(exc, ServiceError):
        status, kind = _of_service(exc)
    elif status == 400:
        kind = "invalidSyntax"
    answer = _answer(status, found.data["detail"], kind)
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in found:
            answer[name] = found[name]
    return answer


def is_scim(request: HttpRequest) -> bool:
    """Whether a directory asks."""
    return request.path.startswith(PREFIX)


def plain_error(request: HttpRequest, status: int) -> JsonResponse:
    """The answer of Django's own error handlers to directories; it says nothing about the cause."""
    _, detail = outside(status)
    detail = f"{detail} Request id: {getattr(request, 'request_id', '')}"
    return JsonResponse(shapes.error(status, detail, ""), status=status, content_type=MEDIA_TYPE)


def _of_service(error: ServiceError) -> tuple[int, str]:
    """RFC 7644, table 9: `uniqueness` is a 409, what the state forbids is `mutability`."""
    if error.code in _UNIQUE:
        return 409, "uniqueness"
    if error.code in _STATE:
        return 400, "mutability"
    return error.status, "invalidValue" if error.status == 400 else ""


def _answer(status: int, detail: str, kind: str) -> Response:
    return Response(shapes.error(status, detail, kind), status=status, content_type=MEDIA_TYPE)
