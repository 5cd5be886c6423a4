"""The page that asks a person who is signed in to confirm that it is them."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from gateway.services import sessions
from gateway.signin import confirmation
from gateway.signin.forms import ConfirmForm

WRONG = "This is not your password."


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sudo(request: HttpRequest) -> HttpResponse:
    """Asks for the password, and leads back. Wrong ones count as failed sign-ins do: ten lock."""
    user: Any = request.user
    back = confirmation.local_path(request, request.POST.get("next") or request.GET.get("next", ""))
    form = ConfirmForm(request.POST or None, username=user.get_username())
    if request.method == "POST" and form.is_valid():
        found = authenticate(request, username=user.get_username(), password=form.cleaned_data["password"])
        if found is not None and found.pk == user.pk:
            return _confirmed(request, back, "password")
        form.add_error("password", WRONG)
    return _page(request, form, back)


def _page(request: HttpRequest, form: ConfirmForm, back: str) -> HttpResponse:
    user: Any = request.user
    context = {
        "form": form, "next": back, "is_unsent": "unsent" in request.GET or "unsent" in request.POST,
        "has_password": user.has_usable_password(), "query": urlencode({"next": back}),
    }  # fmt: skip
    return render(request, "gateway/sudo.html", context, status=422 if form.errors else 200)


def _confirmed(request: HttpRequest, back: str, method: str) -> HttpResponse:
    user: Any = request.user
    sessions.record_confirmation(user=user, method=method)
    confirmation.stamp(request)
    if "unsent" in request.GET or "unsent" in request.POST:
        messages.info(request, "Confirmed. Nothing was saved before: send the form again.")
    return HttpResponseRedirect(back)
