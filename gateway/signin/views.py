"""The pages between a password and a session, and the one that asks a person who is signed in to confirm it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from gateway.models import User
from gateway.services import secondfactor, sessions, sso
from gateway.services.errors import ServiceError
from gateway.services.secondfactor import Outcome
from gateway.signin import confirmation, pending, qr, throttle
from gateway.signin.forms import CodeForm, ConfirmForm, FirstCodeForm

NOT_THIS = "This is not your password."
WRONG_CODE = "This code does not fit, or was used already. Wait for the next one."
LOCKED = "Too many wrong codes; try again in 15 minutes."


# ---- signing in --------------------------------------------------------------------------------------------------


def second_step(request: HttpRequest, user: User, *, backend: str, next_path: str, method: str) -> HttpResponse | None:
    """Where a person goes after the first step; None: nowhere, they are in. Two queries at most."""
    is_enabled = secondfactor.is_enabled(user)
    if not is_enabled and not secondfactor.is_required(user):
        return None
    pending.begin(request, user, backend=backend, next_path=next_path, method=method)
    return redirect("second-factor" if is_enabled else "second-factor-first")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Asks for a code, and signs in."""
    found = pending.read(request)
    if found is None:
        return redirect("admin:login")
    waiting, user = found
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        outcome = checked(request, user, form.cleaned_data["code"])
        if outcome.is_good:
            pending.finish(request, waiting, user, outcome)
            if outcome == Outcome.RECOVERY:
                left = secondfactor.status(user).recovery_codes_left
                messages.warning(request, f"That recovery code is used up; {left} are left.")
            return HttpResponseRedirect(waiting.next)
        form.add_error("code", LOCKED if outcome == Outcome.LOCKED else WRONG_CODE)
    context = {"form": form, "person": user}
    return render(request, "gateway/second_factor.html", context, status=422 if form.errors else 200)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_first(request: HttpRequest) -> HttpResponse:
    """Sets an authenticator up for who may not come in without one."""
    found = pending.read(request)
    if found is None or secondfactor.is_enabled(found[1]):
        return redirect("admin:login")
    waiting, user = found
    form = FirstCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and not throttle.is_locked(request, user):
        try:
            codes = secondfactor.confirm(user=user, code=form.cleaned_data["code"])
        except ServiceError as error:
            throttle.count_failure(request, user)
            form.add_error("code", error.message)
        else:
            pending.finish(request, waiting, user, "code")
            return render(request, "gateway/second_factor_codes.html", {"codes": codes, "next": waiting.next})
    enrolment = secondfactor.begin(user=user)
    context = {"form": form, "person": user, "secret": enrolment.secret, "qr": qr.svg(enrolment.uri)}
    return render(request, "gateway/second_factor_first.html", context, status=422 if form.errors else 200)


def checked(request: HttpRequest, user: User, code: str) -> Outcome:
    """Use a code up; wrong ones count for the name and the address, and for the person."""
    if throttle.is_locked(request, user):
        return Outcome.LOCKED
    outcome = secondfactor.check(user=user, code=code)
    if not outcome.is_good:
        throttle.count_failure(request, user)
    return outcome


# ---- confirming ----------------------------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sudo(request: HttpRequest) -> HttpResponse:
    """Asks for the password or a code, and leads back. Wrong ones count as failed sign-ins do: ten lock."""
    user: Any = request.user
    back = confirmation.local_path(request, request.POST.get("next") or request.GET.get("next", ""))
    form = ConfirmForm(request.POST or None, user=user, has_code=secondfactor.is_enabled(user))
    if request.method == "POST" and form.is_valid():
        method = _proof(request, user, form)
        if method:
            return confirmed(request, back, method)
    context = {"form": form, "next": back, "is_unsent": _is_unsent(request)}
    context["sso"] = settings.OIDC if sso.has_identity(user) else None
    return render(request, "gateway/sudo.html", context, status=422 if form.errors else 200)


def _proof(request: HttpRequest, user: User, form: ConfirmForm) -> str:
    """What proved it; empty, with the reason at its field, when nothing did."""
    if code := form.cleaned_data.get("code"):
        outcome = checked(request, user, code)
        if outcome.is_good:
            return str(outcome)
        form.add_error("code", LOCKED if outcome == Outcome.LOCKED else WRONG_CODE)
        return ""
    found = authenticate(request, username=user.get_username(), password=form.cleaned_data["password"])
    if found is not None and found.pk == user.pk:
        return "password"
    form.add_error("password", NOT_THIS)
    return ""


def _is_unsent(request: HttpRequest) -> bool:
    return "unsent" in request.GET or "unsent" in request.POST


def confirmed(request: HttpRequest, back: str, method: str) -> HttpResponse:
    """The session is confirmed; back to where it was asked."""
    user: Any = request.user
    sessions.record_confirmation(user=user, method=method)
    confirmation.stamp(request)
    if _is_unsent(request):
        messages.info(request, "Confirmed. Nothing was saved before: send the form again.")
    return HttpResponseRedirect(back)
