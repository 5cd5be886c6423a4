"""Forms of signing in and of the forgotten password."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.models import AbstractBaseUser


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
    """The link in the mail names the configured console, never the Host header of whoever asked for it."""

    def save(self, **options: Any) -> None:  # type: ignore[override]
        console = urlsplit(settings.CONSOLE_URL)
        options["domain_override"] = console.netloc
        options["use_https"] = console.scheme == "https"
        super().save(**options)
