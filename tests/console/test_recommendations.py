"""The pages of recommendations and what-if, as each role meets them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from costs.models import Recommendation, SavingsSearch
from costs.recommendations.search import KIND
from gateway.models import Job, Organization, Route
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.factories import recommendation

pytestmark = pytest.mark.django_db
PAGE, WHAT_IF = "/admin/recommendations/", "/admin/what-if/"


def words(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return text.replace("\u202f", " ").replace("&#x27;", "'")


@pytest.fixture
def saving(company: Company) -> Recommendation:
    """gpt-4o of the customer assistant (Product) on gpt-4o-mini: 90 USD a month of a spend of 500."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    SavingsSearch.objects.create(
        organization=company.organization, searched_at=end, start=end - timedelta(days=30), end=end,
        spend=Decimal(500), joint_saving=Decimal(90), interval={"level": "0.9", "lower": "80", "upper": "99"},
        notes=[{"code": "unpriced", "message": "12 calls have no known price."}],
    )  # fmt: skip
    assistant = company.projects["assistant"]
    return recommendation(
        company.organization, team=company.teams["product"], category="cheaper_model",
        title="Answer gpt-4o calls with gpt-4o-mini", start=end - timedelta(days=30), end=end,
        slice={"project": str(assistant.pk), "provider": "openai", "model": "gpt-4o"},
        change={"provider": "openai", "model": "gpt-4o-mini", "settings": {}},
        affected=[f"project:{assistant.pk}", "model:gpt-4o"],
    )  # fmt: skip


def page(row: Recommendation) -> str:
    return f"{PAGE}{row.pk}/"


def do(client: Client, row: Recommendation, **body: Any) -> int:
    return client.post(f"{page(row)}do/", body).status_code


def test_nothing_was_searched_yet(company: Company, sign_in: SignIn) -> None:
    text = words(sign_in("alice"))

    assert "Not searched yet" in text
    assert "python manage.py find_savings" in text


def test_the_head_says_the_joint_total(company: Company, saving: Recommendation, sign_in: SignIn) -> None:
    text = words(sign_in("carol"))

    for part in ("$90.00", "$80.00 to $99.00", "18.0 %", "of $500.00 a month", "1 with one click or one setting",
                 "Cheaper model · Customer assistant, openai", "12 calls have no known price."):  # fmt: skip
        assert part in text
    assert "Search now" not in text


def test_a_recommendation_shows_evidence_replay_and_what_it_affects(
    company: Company, saving: Recommendation, sign_in: SignIn
) -> None:
    text = words(sign_in("carol"), page(saving))

    for part in ("Prompts share 900 tokens.", "$100.00; 90% interval: $95.00 to $105.00", "$90.00 are left to it",
                 "Project Customer assistant", "A rule on the routes that lead to gpt-4o",
                 "Owners and administrators can apply it."):  # fmt: skip
        assert part in text
    assert "data-copy" not in sign_in("carol").get(page(saving)).content.decode()


def test_applying_a_share_makes_a_route_and_taking_it_back_removes_it(
    company: Company, saving: Recommendation, sign_in: SignIn
) -> None:
    adam = sign_in("adam")

    assert do(adam, saving, verb="apply", share="10") == 302

    saving.refresh_from_db()
    assert saving.applied is not None
    (made,) = saving.applied["routes"]
    text = words(adam, page(saving))
    assert "for 10 % of the calls" in text
    assert "Route gpt-4o" in text
    assert "Applied, being measured" in words(adam, f"{PAGE}?state=applied")
    do(adam, saving, verb="revert")
    assert not Route.objects.filter(pk=made["id"]).exists()


def test_dismissing_and_snoozing_say_what_was_wrong(company: Company, saving: Recommendation, sign_in: SignIn) -> None:
    adam = sign_in("adam")

    do(adam, saving, verb="dismiss")
    assert "Say why, for who looks at it later." in words(adam, page(saving))
    do(adam, saving, verb="dismiss", reason="Not good enough.")
    assert "Not good enough." in words(adam, f"{PAGE}?state=dismissed")
    do(adam, saving, verb="snooze", days="ninety")
    assert "1 to 90 days." in words(adam, page(saving))
    do(adam, saving, verb="snooze", days="30", reason="After the launch.")
    saving.refresh_from_db()
    assert (saving.state, saving.reason) == ("snoozed", "After the launch.")


def test_a_search_is_asked_for(company: Company, saving: Recommendation, sign_in: SignIn) -> None:
    adam = sign_in("adam")

    assert adam.post(f"{PAGE}search/").status_code == 302
    assert Job.objects.get(kind=KIND).status == "queued"
    assert "Searching" in words(adam)


def test_managers_see_their_teams_and_decide_nothing(company: Company, saving: Recommendation, sign_in: SignIn) -> None:
    recommendation(company.organization, title="Of everybody")
    dave = sign_in("dave")

    assert "Of everybody" in words(sign_in("alice"))
    assert "Of everybody" not in words(dave)
    assert do(dave, saving, verb="apply") in (403, 404)
    assert dave.post(f"{PAGE}search/").status_code == 403
    assert Recommendation.objects.filter(state="open").count() == 2


@pytest.mark.parametrize("path", [PAGE, WHAT_IF])
def test_developers_have_no_such_page(company: Company, sign_in: SignIn, path: str) -> None:
    assert sign_in("bob").get(path).status_code == 403


def test_another_organizations_is_not_there(company: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="globex", name="Globex")
    row = recommendation(other)
    alice = sign_in("alice")

    assert alice.get(page(row)).status_code == 404
    assert do(alice, row, verb="apply") == 404


def test_what_if_prices_the_calls_on_another_model(busy: Company, sign_in: SignIn) -> None:
    assert "Choose a model" in words(sign_in("carol"), WHAT_IF)

    text = words(sign_in("carol"), f"{WHAT_IF}?days=30&target=openai/gpt-4o-mini&from_model=gpt-4o")

    for part in ("On gpt-4o-mini", "By project", "Customer assistant", "Latency p95", "Tokens are those of the calls"):
        assert part in text


def test_a_what_if_that_names_what_is_not_there_says_so(busy: Company, sign_in: SignIn) -> None:
    text = words(sign_in("carol"), f"{WHAT_IF}?target=openai/nothing")

    assert "Select a valid choice" in text


def test_the_pages_ask_as_many_queries_for_many_as_for_one(
    company: Company, saving: Recommendation, sign_in: SignIn
) -> None:
    carol = sign_in("carol")
    carol.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        carol.get(PAGE)
    for number in range(20):
        recommendation(company.organization, title=f"Saving {number}", slice=saving.slice)
    with CaptureQueriesContext(connection) as many:
        carol.get(PAGE)
    with CaptureQueriesContext(connection) as detail:
        carol.get(page(saving))

    assert (len(one), len(many), len(detail)) == (11, 11, 6)
