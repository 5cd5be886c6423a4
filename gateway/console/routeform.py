"""The editor of a route: its own fields, and its targets as rows that come and go."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Q
from django.http import QueryDict

from gateway.choices import RouteStrategy
from gateway.forms import ConfigField
from gateway.models import Model, Organization, Route, User
from gateway.services import catalog
from gateway.services.audit import Actor
from gateway.services.errors import ServiceError

MOST_OFFERED = 1_000
MOST_PRIORITY = 32_767
MOST_WEIGHT = 2_147_483_647
CHANGED = "Somebody has changed this route since you opened it. Save again to replace that change by what stands here."


class RouteForm(forms.ModelForm):
    """Everything of a route but its targets. `seen`: the version that the person edits."""

    strategy = forms.ChoiceField(
        choices=[(value, f"{value}: {label.lower()}") for value, label in RouteStrategy.choices],
        help_text="Orders targets of one priority. Content-based and preference need a rule, weighted needs weights.",
    )
    config = ConfigField(
        label="Rules and options", css="mono tall", help_text="JSON: rules, weights, overrides, sticky, retry."
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Route
        fields = catalog.ROUTE_FIELDS
        labels: Mapping[str, str] = {
            "is_enabled": "Enabled", "deadline_ms": "Deadline (ms)", "hedge_after_ms": "Hedge after (ms)",
            "output_cap": "Output cap (tokens)", "drop_unsupported": "Drop what a target cannot express",
        }  # fmt: skip
        help_texts: Mapping[str, str] = {
            "alias": "The model name that applications send.",
            "is_enabled": "Off: as if it were not there.",
        }


@dataclass(slots=True)
class TargetRow:
    """One target as it was typed."""

    model: str = ""
    priority: str = "0"
    weight: str = "1"
    errors: list[str] = field(default_factory=list)


class RouteEditor:
    """A route being made (`route` None) or changed, with what was posted. `owner` None: a platform-wide route."""

    def __init__(self, user: User, owner: Organization | None, route: Route | None, data: QueryDict | None) -> None:
        self.owner = owner
        self.route = route
        self.models = offered(user, owner)
        self.form = RouteForm(data, instance=copy(route), initial={"seen": _version(route), "config": _config(route)})
        self.rows = _posted(data) if data is not None else _stored(route)
        self.problem = ""

    def save(self, actor: Actor) -> Route | None:
        """The route as it is then stored; None when something is wrong, which form, rows and `problem` then say."""
        targets = self._targets()
        if not self.form.is_valid() or targets is None:
            return None
        fields = {name: self.form.cleaned_data[name] for name in catalog.ROUTE_FIELDS}
        try:
            return self._write(actor, targets, fields)
        except ServiceError as error:
            self._show(error)
            return None

    def _write(self, actor: Actor, targets: Sequence[catalog.Target], fields: Any) -> Route | None:
        if self.route is None:
            return catalog.create_route(organization=self.owner, actor=actor, targets=targets, **fields)
        with transaction.atomic():
            current = Route.objects.select_for_update(of=("self",)).get(pk=self.route.pk)
            if self.form.cleaned_data["seen"] != _version(current):
                self.form.add_error(None, CHANGED)
                self.form.data = {**self.form.data.dict(), "seen": _version(current)}  # type: ignore[attr-defined]
                return None
            return catalog.update_route(route=current, actor=actor, targets=targets, **fields)

    def _targets(self) -> list[catalog.Target] | None:
        by_id = {str(model.pk): model for model in self.models}
        found = [_target(row, by_id) for row in self.rows if row.model]
        if not found:
            self.problem = "A route needs at least one target."
        return None if not found or None in found else [one for one in found if one is not None]

    def _show(self, error: ServiceError) -> None:
        place, _, inner = (error.field or "").partition(".")
        if place == "targets":
            self.problem = error.message
            return
        message = f"{error.field}: {error.message}" if inner else error.message
        self.form.add_error(place if place in self.form.fields else None, message)


def offered(user: User, owner: Organization | None) -> list[Model]:
    """Models that a route of `owner` may target, by name. One query."""
    rows = Model.objects.visible_to(user).filter(Q(organization=owner) | Q(organization=None))
    return list(rows.select_related("provider").order_by("name", "provider__name", "id")[:MOST_OFFERED])


def _target(row: TargetRow, models: Mapping[str, Model]) -> catalog.Target | None:
    model = models.get(row.model)
    priority = _number(row, "priority", 0, MOST_PRIORITY)
    weight = _number(row, "weight", 0, MOST_WEIGHT)
    if model is None:
        row.errors.append("Choose one of the models.")
    return None if row.errors or model is None else catalog.Target(model, priority, weight)


def _number(row: TargetRow, name: str, low: int, high: int) -> int:
    text = getattr(row, name).strip()
    if text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high:
        return int(text)
    row.errors.append(f"The {name} is a whole number from {low} to {high:,}.")
    return 0


def _posted(data: QueryDict) -> list[TargetRow]:
    columns = (data.getlist("target_model"), data.getlist("target_priority"), data.getlist("target_weight"))
    rows = [TargetRow(*values) for values in zip_longest(*columns, fillvalue="")]
    return rows[: catalog.MAX_TARGETS + 1] or [TargetRow()]


def _stored(route: Route | None) -> list[TargetRow]:
    targets = route.targets.all() if route is not None else []
    return [TargetRow(str(row.model_id), str(row.priority), str(row.weight)) for row in targets] or [TargetRow()]


def _version(route: Route | None) -> str:
    return route.updated_at.isoformat() if route is not None else ""


def _config(route: Route | None) -> Any:
    return route.config if route is not None else {}
