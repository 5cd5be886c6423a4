"""Every component of the console on one page, for whoever builds a page: docs/console-components.md shows the lines."""

from __future__ import annotations

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.console import charts
from analytics.console.cards import Card, LegendEntry, Row, Table, Why
from gateway.console import ConsoleSite
from gateway.console.parts import Pair, Sample, Tab

PERIODS = [("day", "Day"), ("month", "Month"), ("year", "Year")]
MODES = [("observe", "Observe"), ("warn", "Warn"), ("block", "Block")]


class ExampleForm(forms.Form):
    """One field of every kind of control."""

    name = forms.CharField(max_length=80, help_text="Shown in lists.")
    amount = forms.DecimalField(label="Amount", min_value=0, help_text="In the organization's currency.")
    period = forms.ChoiceField(choices=PERIODS)
    mode = forms.ChoiceField(choices=MODES, widget=forms.RadioSelect, initial="warn")
    starts_on = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(required=False, widget=forms.Textarea)
    is_enabled = forms.BooleanField(label="Enabled", required=False, initial=True)


@require_safe
def components(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """The gallery, without a query of its own. `?tab=` is a tab that is a link, `?wrong=1` a form with errors."""
    tab = request.GET.get("tab", "overview")
    given = {"name": "", "amount": "-1", "period": "month", "mode": "warn"} if request.GET.get("wrong") else None
    context = {
        "title": "Components",
        "form": ExampleForm(given),
        "tabs": [
            Tab("Overview", "?tab=overview", tab == "overview"),
            Tab("Models", "?tab=models", tab == "models", "12"),
            Tab("Audit", "?tab=audit", tab == "audit"),
        ],
        "pairs": [
            Pair("Kind", "OpenAI-compatible"),
            Pair("Base URL", "https://api.example.com/v1", is_code=True, copy="https://api.example.com/v1"),
            Pair("Credential", "stored, never shown"),
        ],
        "samples": [
            Sample("curl", 'curl https://gateway.example.com/v1/models -H "Authorization: Bearer $GATEWAY_KEY"'),
            Sample("Python", 'client = OpenAI(base_url="https://gateway.example.com/v1", api_key="gw-…")'),
        ],
        "page": Paginator(range(120), 50).get_page(request.GET.get("page")),
        "card": _card(),
        "marks": (0.5, 0.8),
        "rows": [(f"project-{number:02}", number * 1234, f"${number * 12.5:,.2f}") for number in range(1, 41)],
    }
    return render(request, "console/components.html", {**site.each_context(request), **context})


def _card() -> Card:
    """A chart card of made-up figures."""
    days, amounts = [f"2026-03-0{day}" for day in range(1, 8)], (12.0, 14.5, 13.0, 19.0, 18.5, 7.0, 6.5)
    texts = [f"${amount:.2f}" for amount in amounts]
    plot = charts.Plot([f"{day}T00:00" for day in days], "day", {"tickprefix": "$"}, marks=[(3, 1, "Release 42")])
    return Card(
        id="example-chart",
        title="Cost by day",
        summary="$90.50 in total; the highest day was Wednesday, 4 March with $19.00.",
        unit="USD",
        table=Table("Day", ("Cost",), tuple(Row(day, (text,), (text,)) for day, text in zip(days, texts, strict=True))),
        figure=charts.stacked(plot, [charts.Series("Cost", 0, amounts, texts)]),
        legend=(LegendEntry("Cost", "--series-0"),),
        why=Why((("Cost", "Σ cost of all priced lines."),), ("Counted: 1,234 requests.",)),
    )
