"""Choosing measures: a list of the registry to tick, in groups, that can be searched where scripts run."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from analytics.metrics import MEASURES, Measure

MONEY, CALLS, TOKENS, SPEED = "Money", "Calls", "Tokens", "Speed"
TITLES = (MONEY, CALLS, TOKENS, SPEED)


def group_of(measure: Measure) -> str:
    """The title it stands under."""
    if measure.is_money or measure.name == "estimated_cost_share":
        return MONEY
    if measure.unit in ("ms", "tokens/s") or measure.name == "apdex":
        return SPEED
    return TOKENS if measure.unit.startswith("tokens") else CALLS


def measure_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every measure by group, as choices of a field."""
    found: dict[str, list[tuple[str, str]]] = {title: [] for title in TITLES}
    for name, measure in MEASURES.items():
        found[group_of(measure)].append((name, measure.label))
    return list(found.items())


class MeasureList(forms.CheckboxSelectMultiple):
    """Tick boxes with what each measure means as their title."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        groups = []
        for title, options, _ in self.get_context(name, value, attrs)["widget"]["optgroups"]:
            items = [
                {
                    "id": option["attrs"].get("id", ""), "value": option["value"], "label": option["label"],
                    "is_chosen": option["selected"], "about": MEASURES[str(option["value"])].description,
                }
                for option in options
            ]  # fmt: skip
            groups.append({"title": title, "items": items})
        return render_to_string("console/reports/measure_list.html", {"name": name, "groups": groups})


class MeasuresField(forms.MultipleChoiceField):
    """Any number of measures."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=measure_choices, widget=MeasureList, **kwargs)


def measure_list(name: str, chosen: list[str]) -> SafeString:
    """The list by itself, for rows of fields that are no form."""
    return MeasureList(choices=measure_choices()).render(name, chosen)
