"""Forms of keys: make one, change its limits, replace it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from gateway.api.organization import Access
from gateway.choices import Role, Scope
from gateway.models import Membership, Organization, Project, User, VirtualKey
from gateway.services.keys import MAX_OVERLAP_S

OVERLAPS = [
    (0, "Stops at once"),
    (3_600, "1 hour"),
    (86_400, "1 day"),
    (7 * 86_400, "7 days"),
    (MAX_OVERLAP_S, "30 days"),
]
LIMITS = ("name", "scopes", "allowed_models", "rpm_limit", "tpm_limit", "budget_amount", "expires_at")


class ModelNames(forms.CharField):
    """Names in lines or with commas; the value is a list."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        names = [name.strip() for name in str(value or "").replace(",", "\n").splitlines()]
        found = [name for name in names if name]
        if any(len(name) > 200 for name in found):
            raise ValidationError("A name has at most 200 characters.")
        return found


class LimitsForm(forms.Form):
    """What may be changed on a key."""

    name = forms.CharField(max_length=120, help_text="What the key is for.")
    allowed_models = ModelNames(
        required=False, label="Models", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Models and routes it may use, one a line; none: all.",
    )  # fmt: skip
    rpm_limit = forms.IntegerField(label="Requests per minute", required=False, min_value=0, max_value=2**31 - 1)
    tpm_limit = forms.IntegerField(label="Tokens per minute", required=False, min_value=0, max_value=2**31 - 1)
    budget_amount = forms.DecimalField(
        label="Budget", required=False, min_value=0, max_digits=20, decimal_places=10,
        help_text="What it may spend in all, in the organization's currency.",
    )  # fmt: skip
    expires_at = forms.DateTimeField(
        label="Expires", required=False, help_text="In UTC; empty: never.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.INFERENCE.value]
    )

    def changes(self) -> dict[str, Any]:
        """Fields that differ from what the form began with."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in LIMITS}


class KeyForm(LimitsForm):
    """A new key: of which project, and whose."""

    project = forms.ModelChoiceField(Project.objects.none(), empty_label="Choose a project")
    user = forms.ModelChoiceField(User.objects.none(), required=False, label="Owner")

    field_order = ("name", "project", "user")

    def __init__(self, *args: Any, user: User, organization: Organization, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = Project.objects.visible_to(user).filter(organization=organization, archived_at=None)
        chooser: Any = self.fields["project"]
        chooser.queryset = projects.order_by("name")
        owners: Any = self.fields["user"]
        if access.is_admin or access.role == Role.MANAGER:
            members = Membership.objects.visible_to(user).filter(organization=organization, archived_at=None)
            owners.queryset = User.objects.filter(pk__in=members.values("user_id"), is_active=True)
            owners.empty_label = "Nobody: a service key" if access.is_admin else "Myself"
        else:
            del self.fields["user"]


class RotateForm(forms.Form):
    """How long the old key goes on working."""

    overlap_s = forms.TypedChoiceField(label="The old key works for", choices=OVERLAPS, coerce=int, initial=3_600)


def initial_of(key: VirtualKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in LIMITS}
