"""Errors of the management API as RFC 9457 problem details, whoever raises them: views, Django or the URL resolver.

`type` is `about:blank` (the status says what kind it is), `code` is the stable word to program against.
"""

import http
from typing import Any, TypedDict

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from gateway.services.errors import ServiceError

MEDIA_TYPE = "application/problem+json"


class FieldError(TypedDict):
    """One faulty input: `field` is a dotted path (`targets.0.weight`), empty for the whole."""

    field: str
    code: str
    message: str


class Problem(TypedDict):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError]
    request_id: str


def problem(
    status: int, code: str, detail: str, request_id: str = "", errors: list[FieldError] | None = None
) -> Problem:
    """The problem document for a status."""
    title = http.HTTPStatus(status).phrase
    return Problem(
        type="about:blank", title=title, status=status, detail=detail, code=code,
        errors=errors or [], request_id=request_id,
    )  # fmt: skip


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None for what nobody foresaw: Django logs it and `server_error` answers."""
    request = context.get("request")
    found = _of(exc)
    if found is None:
        return None
    body, headers = found
    body["request_id"] = getattr(getattr(request, "_request", request), "request_id", "")
    set_rollback()
    response = Response(body, status=body["status"], headers=headers)
    renderer = getattr(request, "accepted_renderer", None)
    if getattr(renderer, "format", "json") == "json":
        response.content_type = MEDIA_TYPE
    return response


def _of(exc: Exception) -> tuple[Problem, dict[str, str]] | None:
    match exc:
        case ServiceError():
            errors = [FieldError(field=exc.field, code=exc.code, message=exc.message)] if exc.field else None
            headers = {"WWW-Authenticate": 'Bearer realm="management"'} if exc.status == 401 else {}
            return problem(exc.status, exc.code, exc.message, errors=errors), headers
        case Http404():
            return problem(404, "not_found", "There is nothing here, or not for you."), {}
        case PermissionDenied():
            return problem(403, "permission_denied", "You may not do this."), {}
        case RequestDataTooBig():
            return problem(413, "body_too_large", "The request body is too large."), {}
        case exceptions.ValidationError():
            errors = list(_field_errors(exc.get_full_details()))
            count = "1 input is" if len(errors) == 1 else f"{len(errors)} inputs are"
            return problem(400, "invalid", f"{count} not valid: {_first(errors)}", errors=errors), {}
        case exceptions.APIException():
            return _of_api_exception(exc)
    return None


def _of_api_exception(exc: exceptions.APIException) -> tuple[Problem, dict[str, str]]:
    headers = {}
    if header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait + 0.999)))
    code, detail = _code_and_detail(exc)
    return problem(exc.status_code, code, detail), headers


def _code_and_detail(exc: exceptions.APIException) -> tuple[str, str]:
    detail: Any = exc.detail
    while isinstance(detail, dict | list):  # simplejwt wraps its message in a mapping
        detail = (detail.get("detail") or next(iter(detail.values()))) if isinstance(detail, dict) else detail[0]
    code = getattr(detail, "code", None) or exc.default_code
    return {"permission_denied": "permission_denied", "throttled": "rate_limited"}.get(code, str(code)), str(detail)


def _field_errors(details: Any, path: str = "") -> Any:
    """Flatten DRF's nested details into one list."""
    if isinstance(details, dict) and details.keys() >= {"message", "code"} and isinstance(details["message"], str):
        yield FieldError(field=path, code=str(details["code"]), message=str(details["message"]))
    elif isinstance(details, dict):
        for name, inner in details.items():
            key = "" if name == "non_field_errors" else str(name)
            yield from _field_errors(inner, ".".join(filter(None, (path, key))))
    else:
        for index, inner in enumerate(details):
            nested = isinstance(inner, dict) and not {"message", "code"} <= inner.keys()
            yield from _field_errors(inner, f"{path}.{index}".lstrip(".") if nested else path)


def _first(errors: list[FieldError]) -> str:
    if not errors:
        return "the body."
    first = errors[0]
    return f"{first['field']}: {first['message']}" if first["field"] else first["message"]


# ---- what Django answers outside of a view ---------------------------------------------------------------------

_OUTSIDE = {
    400: ("bad_request", "The request is malformed."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here, or not for you."),
    429: ("locked_out", "Too many failed attempts to sign in; try again when Retry-After says."),
    500: ("server_error", "Something went wrong on our side; the request id finds it in the logs."),
}


def is_api(request: HttpRequest) -> bool:
    """Whether the caller is a program that wants a problem document, not a page."""
    return request.path.startswith("/api/")


def outside(status: int) -> tuple[str, str]:
    """Code and words for a status that Django itself answers."""
    return _OUTSIDE[status]


def plain_problem(request: HttpRequest, status: int) -> JsonResponse:
    """The answer of Django's own error handlers under `/api/`; it says nothing about the cause."""
    code, detail = outside(status)
    body = problem(status, code, detail, getattr(request, "request_id", ""))
    response = JsonResponse(body, status=status, content_type=MEDIA_TYPE)
    if status == 429:
        response["Retry-After"] = "900"
    return response
