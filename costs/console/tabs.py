"""The pages about what things cost, as tabs of each other."""

from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from analytics.console.picker import carried
from gateway.console.parts import Tab

PAGES = {"costs": "Overview", "cost_explorer": "Explorer", "cost_efficiency": "Efficiency"}


def tabs(current: str, params: QueryDict) -> list[Tab]:
    """The window goes along. Providers are compared on the page that compares."""
    kept = [pair for pair in carried(params) if pair[0] in ("organization", "range", "from", "to")]
    found = [
        Tab(label, f"{reverse(f'admin:{name}')}?{urlencode(kept)}".rstrip("?"), name == current)
        for name, label in PAGES.items()
    ]
    compared = urlencode([*kept, ("of", "provider"), ("same", "1")])
    return [*found, Tab("Providers", f"{reverse('admin:compare')}?{compared}")]
