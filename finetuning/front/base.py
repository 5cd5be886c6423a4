"""What views in OpenAI's wire format share: the virtual key, errors in OpenAI's shape, pages.

Sources: OpenAI API reference, "Errors" (`{"error": {message, type, param, code}}`) and "Pagination".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from django.http import Http404
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView, set_rollback

from finetuning.services.storable import is_storable
from gateway.api.authentication import KeyPrincipal, presented_key
from gateway.choices import Scope
from gateway.models import Project, VirtualKey
from gateway.services import keys
from gateway.services.errors import Invalid, NotFound, ServiceError

KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
MAX_PAGE = 10_000
UNSTORABLE = "A text holds a NUL or half a character, or a number is out of range."
FAILED = "Something went wrong on our side; the request id finds it in the logs."
log = structlog.get_logger(__name__)


class VirtualKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer gw-…` or `x-api-key`; nothing else signs a program in here."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, str]:
        secret = presented_key(request)
        if secret is None:
            message = "No API key was given. Send it as 'Authorization: Bearer <key>'."
            raise exceptions.AuthenticationFailed(message, code="invalid_api_key")
        key = keys.authenticate(secret)
        if key is None:
            message = "The API key is not valid. It may be mistyped, expired or revoked."
            raise exceptions.AuthenticationFailed(message, code="invalid_api_key")
        return KeyPrincipal(key), key.prefix

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayCallModels(BasePermission):
    message = "This key may not call models (scope 'inference')."
    code = "scope_missing"

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return Scope.INFERENCE.value in user.key.scopes


class OneAnswer(BaseContentNegotiation):
    """OpenAI answers in JSON, or with a file, whatever `Accept` says; its clients ask for `application/binary`."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((parser for parser in parsers if media_type_matches(parser.media_type, request.content_type)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class FrontView(APIView):
    """A view of the key's project: what belongs to others does not exist."""

    authentication_classes = (VirtualKeyAuthentication,)
    permission_classes = (MayCallModels,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = OneAnswer
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises `Invalid` for parameters that no row can have."""
        super().initial(request, *args, **kwargs)
        if not is_storable(dict(request.query_params.lists())):
            raise Invalid("invalid_request", UNSTORABLE)

    @property
    def key(self) -> VirtualKey:
        user: Any = self.request.user
        found: VirtualKey = user.key
        return found

    @property
    def project(self) -> Project:
        return self.key.project

    def get_exception_handler(self) -> Any:
        return error_response


class UnknownView(FrontView):
    """Paths that nobody has."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        path = request.path.removeprefix("/api/openai")
        raise NotFound("unknown_url", f"Unknown request URL: {request.method} {path}.")


def error_response(exc: Exception, context: dict[str, Any]) -> Response:
    """OpenAI's error body for whatever was raised, also for what nobody foresaw."""
    match exc:
        case ServiceError():
            status, code, message, param = exc.status, exc.code, exc.message, exc.field or None
        case Http404():
            status, code, message, param = 404, "not_found", "There is no such object.", "id"
        case exceptions.ValidationError():
            status, code, (message, param) = 400, "invalid_request", _first_of(exc.detail)
        case exceptions.APIException():
            detail: Any = exc.detail
            code = getattr(detail, "code", "invalid_request")
            status, message, param = exc.status_code, str(detail), None
        case _:
            log.exception("openai_front_failed", path=context["request"].path)
            status, code, message, param = 500, "server_error", FAILED, None
    set_rollback()
    response = Response(said(status, code, message, param), status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def said(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _first_of(detail: Any, path: str = "") -> tuple[str, str | None]:
    """The first fault of DRF's nested details and the field it is about."""
    if isinstance(detail, Mapping):
        name, inner = next(iter(detail.items()))
        key = "" if name == "non_field_errors" else str(name)
        return _first_of(inner, ".".join(filter(None, (path, key))))
    if isinstance(detail, list | tuple):
        return _first_of(detail[0], path)
    return str(detail), path or None


def page_of(found: Iterable[Mapping[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """A list as OpenAI's clients page through it."""
    rows = list(found)
    first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
    return {"object": "list", "data": rows, "first_id": first, "last_id": last, "has_more": has_more}


def limit_of(request: Request, default: int = 20, most: int = MAX_PAGE) -> int:
    """`?limit=`, at most `most`. Raises `Invalid`."""
    text = request.query_params.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PAGE:
        raise Invalid("invalid_request", f"'limit' must be a number from 1 to {MAX_PAGE}.", field="limit")
    return min(int(text), most)
