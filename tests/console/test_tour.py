"""The guided tour: each role's stops, beside their pages, in order, and nothing that the person may not open."""

import re

import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analytics.console import tour
from tests.console.company import Company
from tests.console.conftest import SignIn

STOPS = {
    "bob": ("developers", ["home", "models", "keys", "playground", "requests", "packages", "usage"]),
    "dave": ("team leads", ["home", "keys", "requests", "usage", "budgets", "limits", "alerts", "anomalies", "costs",
                           "forecasts", "savings", "reports"]),
    "carol": ("finance", ["home", "requests", "usage", "budgets", "alerts", "anomalies", "costs", "forecasts",
                          "savings", "allocation", "invoices", "reports"]),
    "alice": ("platform engineers", ["home", "providers", "models", "routes", "keys", "requests", "budgets", "limits",
                                    "alerts", "anomalies", "savings", "guardrails", "realtime", "security", "privacy",
                                    "settings"]),
}  # fmt: skip


@pytest.mark.parametrize("person", STOPS)
def test_a_tour_is_walked_from_its_first_stop_to_its_last(company: Company, sign_in: SignIn, person: str) -> None:
    viewpoint, expected = STOPS[person]
    client = sign_in(person)
    start = client.get(reverse("admin:tour")).content.decode()
    url = re.findall(r'class="btn btn-primary" href="([^"]+)"', start)[0].replace("&amp;", "&")

    walked = []
    while url:
        walked.append(re.findall(r"tour=([a-z]+)", url)[0])
        answer = client.get(url)
        page = answer.content.decode()
        assert (answer.status_code, page.count('<aside class="tour"')) == (200, 1), url
        assert f"Tour for {viewpoint}, {len(walked)} of {len(expected)}" in page
        onward = re.findall(r'btn-small btn-primary" href="([^"]+tour=[^"]+)"', page)
        url = onward[0].replace("&amp;", "&") if onward else ""

    assert walked == expected


@pytest.mark.parametrize("query", ["tour=privacy", "tour=nothing", "tour=keys", "tour=", "tour=home&as=cook"])
def test_what_is_no_stop_of_the_page_shows_none(company: Company, sign_in: SignIn, query: str) -> None:
    page = sign_in("bob").get(f"{reverse('admin:index')}?{query}")

    assert page.status_code == 200
    assert ('<aside class="tour"' in page.content.decode()) == query.startswith("tour=home")


def test_another_viewpoint_can_be_taken(company: Company, sign_in: SignIn) -> None:
    page = sign_in("alice").get(f"{reverse('admin:costs')}?tour=costs&as=finance").content.decode()

    assert "Tour for finance, 7 of 12" in page


@pytest.mark.parametrize(
    ("viewpoint", "stops"),
    [
        ("administrators", ["home", "keys", "security", "compliance", "privacy", "bodies"]),
        ("auditors", ["home", "requests", "security", "compliance", "privacy", "bodies"]),
    ],
)
def test_viewpoints_that_are_nobody_s_first(
    company: Company, sign_in: SignIn, viewpoint: str, stops: list[str]
) -> None:
    page = sign_in("alice").get(reverse("admin:tour")).content.decode()

    assert re.findall(rf"tour=([a-z]+)&amp;as={viewpoint}", page)[: len(stops)] == stops


def test_every_user_guide_has_its_tour() -> None:
    guides = {path.stem for path in (settings.BASE_DIR / "docs/user-guide/roles").glob("*.md")}

    assert guides == {name.removesuffix("s").replace(" ", "-") for name in tour.VIEWPOINTS}


def test_a_stop_costs_no_query(
    company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client, page = sign_in("alice"), reverse("admin:guardrails")
    client.get(page)
    with django_assert_max_num_queries(100) as plain:
        client.get(page)

    with django_assert_max_num_queries(len(plain.captured_queries)):
        client.get(f"{page}?tour=guardrails")


def test_every_stop_has_a_page_of_the_navigation_and_words() -> None:
    assert len({stop.slug for stop in tour.STOPS}) == len(tour.STOPS)
    for stop in tour.STOPS:
        assert reverse(stop.page).startswith("/admin/")
        assert stop.viewpoints <= set(tour.VIEWPOINTS)
        assert 20 < len(stop.text) < 260
