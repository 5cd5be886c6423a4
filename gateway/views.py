"""The one page that people open before they have an account: accepting an invitation."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import password_validation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from gateway.services import people
from gateway.services.errors import NotFound, ServiceError


class JoinForm(forms.Form):
    """A new person; someone signed in only confirms."""

    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    password = forms.CharField(
        max_length=200, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html,
    )  # fmt: skip


@never_cache
@sensitive_post_parameters()
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Shows what one is invited to, and joins. The token in the path is the right to do so; it works once."""
    user: Any = request.user
    try:
        found = people.open_invitation(token)
    except NotFound as error:
        return render(request, "gateway/invitation.html", {"problem": error.message}, status=404)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and (user.is_authenticated or form.is_valid()):
        try:
            people.accept_invitation(
                token=token, user=user if user.is_authenticated else None,
                **({} if user.is_authenticated else form.cleaned_data),
            )  # fmt: skip
        except ServiceError as error:
            form.add_error(
                "password" if error.field == "password" and not user.is_authenticated else None, error.message
            )
        else:
            messages.success(request, f"Welcome to {found.organization.name}. Sign in to go on.")
            return HttpResponseRedirect(reverse("admin:index"))
    context = {"invitation": found, "form": form, "role": found.get_role_display()}
    response = render(request, "gateway/invitation.html", context)
    # The token is in the address, so it goes to no other site. "no-referrer" would blank the Origin of the form too.
    response["Referrer-Policy"] = "same-origin"
    return response
