"""Forms of signing in and of confirming."""

from typing import Any

from django import forms

from gateway.models import User
from gateway.signin.backends import may_use_password

CODE_CHARS = 40


def code_field(label: str, help_text: str = "", *, autofocus: bool = True) -> forms.CharField:
    attrs: dict[str, Any] = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    if autofocus:
        attrs["autofocus"] = True
    return forms.CharField(label=label, max_length=CODE_CHARS, widget=forms.TextInput(attrs), help_text=help_text)


class CodeForm(forms.Form):
    """A code of the authenticator, or a recovery code."""

    code = code_field("Code", "Six digits of your authenticator, or one of your recovery codes.")


class FirstCodeForm(forms.Form):
    """The code that shows that the authenticator has the secret."""

    code = code_field("Code", "The six digits that the app shows now.")


class ConfirmForm(forms.Form):
    """What the person has of a password and a second factor; one of them is enough."""

    password = forms.CharField(
        max_length=200, strip=False, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )  # fmt: skip
    code = code_field("Code", "Instead of the password: of your authenticator, or a recovery code.", autofocus=False)

    def __init__(self, data: Any = None, *, user: User, has_code: bool) -> None:
        super().__init__(data)
        self.fields["code"].required = False
        if not may_use_password(user):
            del self.fields["password"]
        if not has_code:
            del self.fields["code"]
        if len(self.fields) == 1:
            next(iter(self.fields.values())).required = True

    def clean(self) -> dict[str, Any]:
        found = {name: value for name, value in (super().clean() or {}).items() if value}
        if not found and not self.errors:
            raise forms.ValidationError("Fill in one.")
        return found
