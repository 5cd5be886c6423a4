"""Forms of signing in and of confirming."""

from typing import Any

from django import forms


class ConfirmForm(forms.Form):
    """The password of the person who is signed in."""

    password = forms.CharField(
        max_length=200, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, username: str) -> None:
        super().__init__(data)
        self.username = username
