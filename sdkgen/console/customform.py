"""What the page of clients made to order asks, and what of it goes to the service."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from gateway.models import VirtualKey
from sdkgen.languages.base.config import AUTH
from sdkgen.languages.registry import LANGUAGES

TENANT = "tenant"
PLAIN = ("package", "module", "version", "base_url")
NUMBERS = ("max_retries", "connect_timeout_s", "first_byte_timeout_s", "idle_timeout_s", "total_timeout_s")
AUTH_LABELS = {"key": "Virtual key, for calls of models", "management": "Management key"}


class CustomForm(forms.Form):
    """Every field may be empty: what is left out is the language's. Faults are found by the service, so that page and
    API say the same; `add_finding` puts one at its field."""

    language = forms.ChoiceField(choices=[(one.about.id, one.about.display_name) for one in LANGUAGES.values()])
    shape = forms.ChoiceField(
        label="Made for", required=False,
        help_text="A key's scopes leave operations out; models, prices, limits and budgets get into its documentation.",
    )  # fmt: skip
    package = forms.CharField(max_length=100, required=False, help_text="As the language's registry names it.")
    module = forms.CharField(max_length=100, required=False, help_text="What programs import.")
    version = forms.CharField(max_length=60, required=False, help_text="Empty: 1.0.0.")
    base_url = forms.CharField(max_length=500, required=False, label="Address", help_text="Empty: this gateway's.")
    headers = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Sent with every call, one a line: <code>X-Team: search</code>. Never a secret.",
    )  # fmt: skip
    auth = forms.MultipleChoiceField(
        label="Keys that callers have", required=False, choices=[(one, AUTH_LABELS[one]) for one in AUTH],
        widget=forms.CheckboxSelectMultiple, help_text="None chosen: whatever the operations need.",
    )  # fmt: skip
    max_retries = forms.IntegerField(required=False, label="Repeats", help_text="Empty: 2.")
    connect_timeout_s = forms.FloatField(required=False, label="Connecting, seconds", help_text="Empty: 5.")
    first_byte_timeout_s = forms.FloatField(required=False, label="First byte, seconds", help_text="Empty: 120.")
    idle_timeout_s = forms.FloatField(required=False, label="Silence, seconds", help_text="Empty: 60.")
    total_timeout_s = forms.FloatField(required=False, label="Whole call, seconds", help_text="Empty: 600.")

    def __init__(self, keys: Iterable[VirtualKey], data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="id_%s")
        named = [(str(key.pk), f"Key {key.name} ({key.prefix}…)") for key in keys]
        shapes = [("", "Nobody in particular"), (TENANT, "The organization"), *named]
        self.fields["shape"].choices = shapes  # type: ignore[attr-defined]

    def clean_headers(self) -> str:
        """Each line is a name and a value."""
        said: str = self.cleaned_data["headers"]
        for line in said.splitlines():
            if line.strip() and ":" not in line:
                raise forms.ValidationError(f"“{line.strip()[:60]}” has no colon: write a name, a colon, a value.")
        return said

    def config(self, operations: list[str]) -> dict[str, Any]:
        """As the API takes it. The form has to be valid."""
        said: dict[str, Any] = {"operations": operations} if operations else {}
        for name in (*PLAIN, *NUMBERS, "auth"):
            if (value := self.cleaned_data.get(name)) not in (None, "", []):
                said[name] = value
        if lines := [line for line in self.cleaned_data.get("headers", "").splitlines() if line.strip()]:
            pairs = (re.split(r"\s*:\s*", line.strip(), maxsplit=1) for line in lines)
            said["headers"] = {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
        return said

    def shape_said(self) -> dict[str, Any] | None:
        chosen = self.cleaned_data.get("shape")
        if not chosen:
            return None
        return {"tenant": True} if chosen == TENANT else {"api_key": chosen}

    def add_finding(self, field: str, text: str) -> None:
        self.add_error(field if field in self.fields else None, text)
