"""Forms of signing in and of the forgotten password."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.models import AbstractBaseUser

from gateway.services import people


class SignInForm(AdminAuthenticationForm):
    """Every active person may sign in, not only staff; pages narrow what they see."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "The user name and password do not match. Both are case-sensitive.",
    }
    required_css_class = "required"
    username = forms.CharField(
        label="E-mail or user name",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username", "autocapitalize": "none"}),
    )

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        AuthenticationForm.confirm_login_allowed(self, user)  # type: ignore[arg-type]


class ResetForm(PasswordResetForm):
    """Asks as the API does: the mail goes by the outbox, so the answer takes as long for unknown addresses, and its
    link names the configured console, never the Host header of whoever asked for it."""

    def save(self, **options: Any) -> None:  # type: ignore[override]
        people.request_password_reset(email=self.cleaned_data["email"])
