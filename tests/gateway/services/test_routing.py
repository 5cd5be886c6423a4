"""Simulation of a route without data planes; with them it is compared to reality in the data plane's tests."""

from typing import Any

import pytest
from django.db import connection

from gateway.dataplane.quality import LEAST_REQUESTS
from gateway.dataplane.signals import QUALITY
from gateway.models import Route
from gateway.scores import RECORD_SQL, read
from gateway.services import routing
from tests import factories


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


class Scores:
    """A snapshot loader as an app would bring it."""

    name = QUALITY
    entities: frozenset[str] = frozenset()
    found: dict[tuple[str, str, str], float] = {}  # filled by the test

    def load(self, connection: Any) -> dict[tuple[str, str, str], float]:
        return self.found


@pytest.fixture
def route(company: factories.Acme) -> Route:
    made = Route.objects.create(organization=company.organization, alias="best", strategy="quality-optimized")
    other = factories.ModelFactory(organization=company.organization, provider=company.provider, name="small")
    made.targets.create(model=company.model, weight=3)
    made.targets.create(model=other, weight=1)
    return made


def told(found: routing.Simulation) -> list[tuple[str, float, float | None]]:
    return [
        (item.target.model.name, item.probability, item.ranked.scored.score if item.ranked else None)
        for item in found.targets
    ]


def test_quality_falls_back_to_priority_and_weight_and_says_so(company: factories.Acme, route: Route) -> None:
    found = routing.simulate(route, company.organization)

    assert told(found) == [(company.model.name, 0.75, None), ("small", 0.25, None)]
    assert [note["code"] for note in found.notes] == ["no_live_figures", "no_quality"]


def test_an_apps_loader_of_scores_decides(company: factories.Acme, route: Route, settings: Any) -> None:
    settings.GATEWAY_SNAPSHOT_LOADERS = [f"{__name__}.Scores"]
    owner, slug = str(company.organization.pk), company.provider.slug
    Scores.found = {(owner, slug, company.model.name): 0.4, (owner, slug, "small"): 0.8}

    found = routing.simulate(route, company.organization)

    assert told(found) == [("small", 1.0, 1.0), (company.model.name, 0.0, 0.5)]
    assert [note["code"] for note in found.notes] == ["no_live_figures"]


def test_a_target_with_too_few_scores_ranks_last_and_it_is_said(company: factories.Acme, route: Route) -> None:
    booked = factories.book_lines(
        *(factories.line(company, provider=company.provider.slug, model_served="small") for _ in range(LEAST_REQUESTS)),
        *(factories.line(company, provider=company.provider.slug, model_served=company.model.name) for _ in range(2)),
    )
    with connection.cursor() as cursor:
        for line in booked:
            said = read({"request_id": line["request_id"], "name": "q", "source": "s", "score": 0.4})
            cursor.execute(RECORD_SQL, said.parameters(line["organization"], line["project"]))

    found = routing.simulate(route, company.organization)

    assert told(found) == [("small", 1.0, 1.0), (company.model.name, 0.0, 0.0)]
    assert [note["code"] for note in found.notes] == ["no_live_figures", "few_scores"]
