"""A person's own account: second factor, sessions, recent sign-ins."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gateway.console.registry import ConsoleSite
from gateway.console.scope import actor, person
from gateway.services import secondfactor, sessions, sso
from gateway.services.errors import ServiceError
from gateway.signin import qr, throttle
from gateway.signin.forms import FirstCodeForm


@require_safe
def account_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """What protects the account, and who is in. Five queries."""
    user = person(request)
    context = {**site.each_context(request), "title": "Your account", "person": user}
    context |= {
        "factor": secondfactor.status(user), "shows_use": bool(settings.SESSION_IDLE_MINUTES),
        "sessions": sessions.sessions_of(user, request.session.session_key),
        "sign_ins": sessions.sign_ins_of(user), "sso": settings.OIDC, "is_connected": sso.has_identity(user),
    }  # fmt: skip
    return render(request, "console/account.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_add(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Set an authenticator up; the recovery codes are in the answer to the form, once."""
    user = person(request)
    context = {**site.each_context(request), "title": "Set up an authenticator"}
    form = FirstCodeForm(request.POST or None)
    try:
        if request.method == "POST" and form.is_valid() and not throttle.is_locked(request, user):
            return _codes(request, site, secondfactor.confirm(user=user, code=form.cleaned_data["code"]))
        enrolment = secondfactor.begin(user=user)
    except ServiceError as error:
        if error.field != "code":
            messages.error(request, error.message)
            return redirect("admin:account")
        throttle.count_failure(request, user)
        form.add_error("code", error.message)
        enrolment = secondfactor.begin(user=user)
    context |= {"form": form, "secret": enrolment.secret, "qr": qr.svg(enrolment.uri)}
    return render(request, "console/second_factor_add.html", context, status=422 if form.errors else 200)


@require_POST
def recovery_codes(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Ten new recovery codes, in the answer, once."""
    try:
        return _codes(request, site, secondfactor.renew_codes(user=person(request)))
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("admin:account")


@require_POST
def second_factor_remove(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Switch the second factor off."""
    if secondfactor.remove(user=person(request), actor=actor(request)):
        messages.success(request, "The second factor is off.")
    return redirect("admin:account")


@require_POST
def sessions_end(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Sign out everywhere but here."""
    user = person(request)
    ended = sessions.end_others(user=user, actor=user, current_key=request.session.session_key)
    browsers = "1 other browser is" if ended == 1 else f"{ended} other browsers are"
    messages.success(request, f"{browsers} signed out, and every program with a refresh token.")
    return redirect("admin:account")


@require_POST
def session_end(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Sign out one browser."""
    user = person(request)
    if sessions.end_one(user=user, actor=user, mark=request.POST.get("session", "")):
        messages.success(request, "That browser is signed out.")
    else:
        messages.info(request, "That browser was signed out already.")
    return redirect("admin:account")


def _codes(request: HttpRequest, site: ConsoleSite, codes: list[str]) -> HttpResponse:
    context = {**site.each_context(request), "title": "Keep these recovery codes", "codes": codes}
    return render(request, "console/recovery_codes.html", context)
