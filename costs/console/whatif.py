"""What-if: the last days of some calls, priced on another model or provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics.console import format
from analytics.console.cards import Card
from costs.console.twolines import DayPair, Words, two_lines
from costs.savings.proposals import Slice
from costs.whatif import Known, WhatIf, what_if
from gateway.choices import Role
from gateway.console import ConsoleSite
from gateway.console.scope import ADMINISTRATORS, frame
from gateway.models import Model, Organization, Project, Team
from gateway.services.errors import ServiceError

READERS = ADMINISTRATORS | {Role.ANALYST}
DAYS = (7, 30, 90)
SHOWN = 12


class WhatIfForm(forms.Form):
    """Which calls, and on what; every choice is in the URL."""

    project = forms.ChoiceField(required=False, label="Calls of the project")
    team = forms.ChoiceField(required=False, label="Of the team")
    from_model = forms.ChoiceField(required=False, label="Answered by")
    days = forms.TypedChoiceField(
        choices=[(days, f"Last {days} days") for days in DAYS], coerce=int, initial=30, required=False, empty_value=30,  # type: ignore[arg-type]
        label="Window",
    )  # fmt: skip
    target = forms.ChoiceField(label="On the model")

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Q(organization=organization) | Q(organization=None)
        models = list(Model.objects.filter(own, is_enabled=True).select_related("provider"))
        projects = Project.objects.filter(organization=organization, archived_at=None).order_by("name")
        teams = Team.objects.filter(organization=organization, archived_at=None).order_by("name")
        names = sorted({model.name for model in models})
        targets = sorted({(f"{one.provider.slug}/{one.name}", f"{one.name} at {one.provider.name}") for one in models})
        self._choose("project", [("", "All projects"), *((str(one.pk), one.name) for one in projects)])
        self._choose("team", [("", "All teams"), *((str(one.pk), one.name) for one in teams)])
        self._choose("from_model", [("", "Any model"), *((name, name) for name in names)])
        self._choose("target", [("", "Choose a model"), *targets])

    def _choose(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices


@require_safe
def what_if_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Actual and hypothetical cost by day and project, with what is known of quality and latency."""
    context, organization = frame(request, site, "What-if")
    is_asked = bool(request.GET.get("target"))
    form = WhatIfForm(request.GET if is_asked else None, organization=organization)
    context |= {"form": form, "is_asked": is_asked}
    if is_asked and form.is_valid():
        try:
            context |= _answer(request, organization, form.cleaned_data)
        except ServiceError as error:
            context["problem"] = error.message
    return render(request, "console/recommendations/whatif.html", context)


def _answer(request: HttpRequest, organization: Organization, asked: dict[str, Any]) -> dict[str, Any]:
    provider, _, model = asked["target"].partition("/")
    end = timezone.now()
    found = what_if(
        request.user, organization, start=end - timedelta(days=asked["days"]), end=end, provider=provider, model=model,
        calls=Slice(project=asked["project"], team=asked["team"], model=asked["from_model"]),
    )  # fmt: skip

    def money(amount: Decimal) -> str:
        return format.money_short(amount, found.currency)

    return {
        "found": found, "actual": money(found.actual), "hypothetical": money(found.hypothetical),
        "difference": money(abs(found.difference)), "is_less": found.difference <= 0,
        "share": "" if found.share is None else format.percent(abs(found.share)), "chart": _card(found),
        "projects": _parts(found.by_project, found), "models": _parts(found.by_model, found),
        "left": money(found.not_priceable_cost), "notes": [message for _, message in found.notes],
        "known": [("Present", _known(found.current)), (model, _known(found.proposed))],
    }  # fmt: skip


def _parts(sums: Sequence[Any], found: WhatIf) -> list[tuple[str, str, str, str]]:
    return [
        (one.name, *(format.money(amount, found.currency) for amount in (one.actual, one.hypothetical, one.difference)))
        for one in sums[:SHOWN]
    ]


def _known(known: Known) -> dict[str, str]:
    return {
        "requests": f"{known.requests:,}", "p50": format.duration(known.latency_p50),
        "p95": format.duration(known.latency_p95), "errors": format.percent(known.error_rate),
        "quality": (
            "none recorded" if known.quality_score is None else f"{known.quality_score:.2f} ({known.scores:,} scores)"
        ),
    }  # fmt: skip


def _card(found: WhatIf) -> Card | None:
    if not found.lines:
        return None
    word, amount = ("less" if found.difference <= 0 else "more"), format.money(abs(found.difference), found.currency)
    return two_lines(
        id="what-if", title="Cost by day", summary=f"{amount} {word} over {found.lines:,} calls.",
        days=[
            DayPair(datetime.fromisoformat(one.key), one.hypothetical, one.actual) for one in found.by_day
        ],
        words=Words(f"On {found.model}", "Cost", "Difference"), currency=found.currency,
    )  # fmt: skip
