"""Prices and budgets in the console's model admin: read, state, end. Writing goes through the services."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join

from analytics.console.format import exact_money, money
from costs.forms import CLASSES, RARE, USUAL, PriceOverrideForm, tiers_in_words
from costs.forms import name_of as name_of_field
from costs.models import Budget, PriceOverride
from costs.services import close_price_override, set_price_override
from costs.services.budgets import CHANGEABLE, archive_budget, create_budget, update_budget
from gateway.admin.base import ADMINS, MEMBERS, RoleAdmin, ServiceAdmin
from gateway.console.names import name_of
from gateway.models import User
from gateway.querysets import WIDE_ROLES
from gateway.services.errors import ServiceError

KEPT_AFTER_A_REFUSAL = (
    "organization", "provider", "model", *map(name_of_field, CLASSES), "tiers", "currency", "discount_percent",
    "source", "note",
)  # fmt: skip
WHAT, WHEN = ("organization", "provider", "model"), ("valid_from", "valid_to", "source", "note")


@admin.register(PriceOverride)
class PriceOverrideAdmin(RoleAdmin):
    """An organization's prices are stated by its administrators, those of the whole platform by superusers. Rows are
    never changed or removed here: a new price closes the one before it."""

    is_confirmed = True
    view_roles, change_roles = frozenset(WIDE_ROLES), ADMINS
    can_add = True
    list_display = ("provider", "model", "organization", "currency", "discount_percent", "valid_from", "valid_to")
    list_filter = ("provider", "currency")
    list_select_related = ("organization",)
    search_fields = ("provider", "model", "source", "note")
    date_hierarchy = "valid_from"
    actions = ("end_now",)
    form = PriceOverrideForm
    change_form_template = "admin/costs/priceoverride.html"

    def get_fieldsets(self, request: HttpRequest, obj: PriceOverride | None = None) -> Any:
        """Fields of each class for a new price; an old one is words."""
        if obj is not None:
            return [(None, {"fields": (*WHAT, "stated", "other_tiers", "discount_percent", "currency", *WHEN)})]
        grid = ("price-grid",)
        return [
            ("What it is for", {"fields": (*WHAT, "currency")}),
            ("Prices", {"fields": tuple(map(name_of_field, USUAL)), "classes": grid}),
            ("Audio, images, units", {"fields": tuple(map(name_of_field, RARE)), "classes": (*grid, "collapse")}),
            ("Tiers and discount", {"fields": ("tiers", "discount_percent")}),
            ("When, and by what", {"fields": WHEN}),
        ]

    @admin.display(description="Prices")
    def stated(self, row: PriceOverride) -> str:
        if not row.prices:
            return "The list's, less the discount"
        lines = [
            (CLASSES[meter][0], exact_money(amount, row.currency), CLASSES[meter][1])
            for meter, amount in row.prices.items()
            if meter in CLASSES
        ]
        return format_html_join("", "{}: {} per {}<br>", lines)

    @admin.display(description="Tiers")
    def other_tiers(self, row: PriceOverride) -> str:
        return format_html_join("", "{}<br>", [(line,) for line in tiers_in_words(row.tiers).splitlines()]) or "–"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Only superusers may leave the organization empty, which makes a price of every organization."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        if "organization" in form.base_fields and not _actor(request).is_superuser:
            form.base_fields["organization"].required = True
        return form

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except ServiceError as error:
            self.message_user(request, error.message, messages.ERROR)
            kept = {name: request.POST[name] for name in KEPT_AFTER_A_REFUSAL if request.POST.get(name)}
            return HttpResponseRedirect(f"{request.path}?{urlencode(kept)}")

    def save_model(
        self, request: HttpRequest, obj: PriceOverride, form: ModelForm[PriceOverride], change: bool
    ) -> None:
        stated = set_price_override(
            organization=obj.organization,
            provider=obj.provider,
            model=obj.model,
            actor=_actor(request),
            valid_from=obj.valid_from,
            valid_to=obj.valid_to,
            prices=obj.prices,
            tiers=obj.tiers,
            currency=obj.currency,
            discount_percent=obj.discount_percent,
            source=obj.source,
            note=obj.note,
        )
        obj.pk = stated.pk

    @admin.action(description="End the selected prices now", permissions=["alter"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[PriceOverride]) -> None:
        now, actor = timezone.now(), _actor(request)

        def verb(override: PriceOverride) -> None:
            close_price_override(override=override, actor=actor, valid_to=now)

        self.apply(request, queryset, verb, "ended")


FIXED = (
    "organization", "scope", "scope_value", "currency", "period", "timezone", "anchor_on", "fiscal_months",
    "fiscal_days",
)  # fmt: skip


class ThresholdsField(forms.CharField):
    """Thresholds of a budget as people write them: `80, 100, 100 forecast`."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join(f"{one['percent']:g}{' forecast' if one['basis'] == 'forecast' else ''}" for one in value)

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError."""
        found: list[dict[str, Any]] = []
        for part in (value or "").strip().strip("[]").replace(";", ",").split(","):
            words = part.replace("%", " ").split()
            if words:
                found.append(self._one(words))
        return found

    def _one(self, words: list[str]) -> dict[str, Any]:
        try:
            percent = float(words[0])
        except ValueError:
            percent = 0.0
        basis = " ".join(words[1:]).lower() or "actual"
        if not 0 < percent <= 1000 or basis not in ("actual", "forecast"):
            raise forms.ValidationError(f"{' '.join(words)!r} is no threshold; write 80, or 100 forecast.")
        return {"percent": percent, "basis": basis}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class BudgetForm(forms.ModelForm):
    """Currency and time zone default to the organization's."""

    alert_thresholds = ThresholdsField(
        required=False, max_length=300,
        help_text="Percent of the amount at which people are told, with commas between them; “100 forecast” looks at "
        "what is expected by the end of the period. Empty: 80, 100, 100 forecast.",
    )  # fmt: skip

    class Meta:
        model = Budget
        fields = ("name", "amount", *FIXED, *CHANGEABLE[2:])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(amount := self.initial.get("amount"), Decimal):
            self.initial["amount"] = f"{amount.normalize():f}"
        for name in ("scope_value", "currency", "timezone"):
            if name in self.fields:
                self.fields[name].required = False
                self.fields[name].initial = ""
        if "scope_value" in self.fields:
            self.fields["scope_value"].help_text = (
                "Id of the team, project, key or person; the end user; name=value of a tag; the model served. "
                "* (tags: name=*) gives each the amount for itself. Empty for the organization."
            )
        for name in ("currency", "timezone"):
            if name in self.fields:
                self.fields[name].help_text = "Empty: the organization's."

    def clean_alert_thresholds(self) -> Any:
        return self.cleaned_data.get("alert_thresholds") or []


@admin.register(Budget)
class BudgetAdmin(ServiceAdmin):
    """Budgets. They are ended, not deleted: their counters stay for the record."""

    view_roles, change_roles = MEMBERS, ADMINS
    form = BudgetForm
    list_display = ("name", "organization", "scope", "shown_amount", "period", "enforcement", "is_shadow")
    list_select_related = ("organization",)
    list_filter = ("scope", "period", "enforcement", ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "scope_value")
    fields = ("name", "amount", *FIXED, *CHANGEABLE[2:])
    actions = ("archive",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple("about" if name == "scope_value" and obj else name for name in self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*FIXED, "about") if obj else ()

    @admin.display(description="About")
    def about(self, budget: Budget) -> str:
        """What the scope's value names."""
        return name_of(budget.scope, budget.scope_value, budget.organization)

    @admin.display(description="Amount", ordering="amount")
    def shown_amount(self, budget: Budget) -> str:
        return money(budget.amount, budget.currency)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (obj is None or obj.archived_at is None) and super().has_change_permission(request, obj)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        data["timezone_name"] = data.pop("timezone", "")
        return create_budget(actor=_actor(request), **data)

    def update(self, request: HttpRequest, row: Any, data: dict[str, Any]) -> Any:
        changes: Any = data
        return update_budget(budget=row, actor=_actor(request), **changes)

    @admin.action(description="End the selected budgets", permissions=["alter"])
    def archive(self, request: HttpRequest, rows: QuerySet[Budget]) -> None:
        self.apply(request, rows, lambda row: archive_budget(budget=row, actor=_actor(request)), "ended")


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
