"""Error pages of the console: what happened, what to do, the request id. They ask nothing of the database."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from gateway.api import problems, scim
from gateway.signin.throttle import LOCKED_S

TEXTS = {
    400: ("This request could not be understood", "The address or the form is not valid. Go back and try again."),
    403: ("You may not open this page", "Your role does not allow it. An owner or administrator can change your role."),
    404: (
        "This page does not exist",
        "It was removed, or it belongs to an organization you are not a member of.",
    ),
    429: ("Too many attempts", "Signing in is locked for 15 minutes after 10 failed attempts. Wait, then try again."),
    500: (
        "Something went wrong on our side",
        "The error is in the log. Try again; if it stays, pass on the request id.",
    ),
}
NAME_LOCKED = (
    "50 wrong passwords were given for this name within an hour, from one or more addresses: no password is looked at "
    "until the first of them is an hour old. Single sign-on is not locked, and a password that you set anew by mail "
    "works at once."
)


def error_page(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """A self-contained page for `status` (a problem document under `/api/`, SCIM's error for directories); `detail`
    replaces the general advice."""
    if scim.is_scim(request):
        return scim.plain_error(request, status)
    if problems.is_api(request):
        return problems.plain_problem(request, status)
    title, advice = TEXTS[status]
    context = {
        "status": status,
        "phrase": HTTPStatus(status).phrase,
        "title": title,
        "advice": detail or advice,
        "request_id": getattr(request, "request_id", ""),
    }
    return HttpResponse(render_to_string("console/error.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(request, 403, "The form is older than your session. Go back, reload the page and send it again.")


def locked_out(request: HttpRequest, response: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """Answer of the login throttle: the same for names that somebody has and that nobody has."""
    wait_s: int | None = getattr(request, LOCKED_S, None)
    answer = error_page(request, 429, NAME_LOCKED if wait_s else "")
    if wait_s:
        answer["Retry-After"] = str(wait_s)
    return answer
