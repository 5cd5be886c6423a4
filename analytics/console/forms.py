"""Forms of signing in, of another password and of the forgotten one."""

from functools import partial
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from gateway.services import people
from gateway.signin.throttle import is_own_password


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


class NewPasswordForm(SetPasswordForm):
    """Of the mailed link."""

    def save(self, commit: bool = True) -> Any:
        return people.replace_password(user=self.user, new=self.cleaned_data["new_password1"], verb=people.RESET)


class ChangePasswordForm(AdminPasswordChangeForm):
    """The current password is bounded and counted as on the sign-in page."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        given: str = self.cleaned_data["old_password"]
        user: Any = self.user
        if not is_own_password(self._request, user, partial(user.check_password, given)):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return given

    def save(self, commit: bool = True) -> Any:
        new = self.cleaned_data["new_password1"]
        self.user: Any = people.replace_password(user=self.user, new=new, verb=people.CHANGE)
        return self.user
