"""The home page: what it shows, to whom, in how many queries, and when something fails."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from unittest.mock import patch

import pytest
import time_machine
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.console import home, questions
from analytics.rollups.marks import drain_marks
from gateway.choices import JobStatus, Role
from gateway.models import Job, Membership, Model, Organization
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

HOME = "/admin/"


def text_of(client: Client, path: str = HOME) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def kpi(page: str, label: str) -> str:
    found = re.search(rf'kpi-label">{label}(?:<button.*?</button>)?</h2>\s*<p class="kpi-value" title="([^"]*)">', page)
    assert found, f"no KPI {label}"
    return found[1]


def count(page: str, label: str) -> int:
    """The number of a KPI without its unit."""
    return int(kpi(page, label).split("\u202f")[0].replace(",", ""))


def test_anonymous_people_are_sent_to_the_login_page(db: None) -> None:
    response = Client().get(HOME)

    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/admin/")


def test_figures_equal_the_ledger(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC), Random(1)
    current = [line(company, now - timedelta(hours=hours), rng) for hours in (2, 20, 50, 100)]
    before = [line(company, now - timedelta(days=9), rng), line(company, now - timedelta(days=10), rng)]
    load(company, current + before)

    page = text_of(sign_in("alice"))

    tokens = sum(each["input_tokens"] + each["output_tokens"] for each in current)
    assert kpi(page, "Requests") == "4\u202frequests"
    assert kpi(page, "Tokens") == f"{tokens:,}\u202ftokens"
    assert kpi(page, "Cost") == home.format.exact_money(sum((each["cost"] for each in current), Decimal(0)))
    assert "100\u202f% more than the 7 days before" in page
    assert page.count('<svg class="spark"') == 6
    assert "rollup lag" in page


@pytest.mark.slow
def test_range_is_in_the_url(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    assert "Cost by hour and model" in text_of(client, HOME + "?range=24h")
    assert "Cost by day and model" in text_of(client, HOME + "?range=30d")
    custom = text_of(client, HOME + "?range=custom&from=2020-01-01&to=2020-01-31")
    assert "No requests from 1 Jan 2020 to 31 Jan 2020" in custom
    assert "nothing to compare with in the 31 days before" in custom


@pytest.mark.parametrize("name", ["root", "alice", "adam", "carol"])
def test_wide_roles_see_the_organization(busy: Company, sign_in: SignIn, name: str) -> None:
    page = text_of(sign_in(name))

    assert all(project.name in page for project in busy.projects.values())


def test_managers_see_their_team(busy: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("dave"))

    assert "Ticket triage" in page
    assert "Customer assistant" not in page
    assert "Semantic search" not in page


def test_developers_see_their_own_usage(busy: Company, sign_in: SignIn) -> None:
    everything, own = text_of(sign_in("alice")), text_of(sign_in("bob"))

    assert 0 < count(own, "Requests") < count(everything, "Requests")
    assert "Customer assistant" not in own


def test_strangers_see_nothing_of_it(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("mallory")

    assert "You are not a member of an organization yet" in text_of(client)
    assert "Acme" not in text_of(client, HOME + "?organization=acme")


def test_organization_is_chosen_by_the_url_and_remembered(busy: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="other", name="Other Works")
    Membership.objects.create(organization=other, user=busy.people["carol"], role=Role.ANALYST)
    client = sign_in("carol")

    assert "<h1>Acme Robotics</h1>" in text_of(client)
    assert "<h1>Other Works</h1>" in text_of(client, HOME + "?organization=other")
    assert "<h1>Other Works</h1>" in text_of(client)
    assert "<h1>Other Works</h1>" in text_of(client, HOME + "?organization=nobody")


def test_empty_organization_shows_first_steps_that_tick_themselves_off(company: Company, sign_in: SignIn) -> None:
    bare = Organization.objects.create(slug="bare", name="Bare")
    Membership.objects.create(organization=bare, user=company.people["mallory"], role=Role.OWNER)

    page = text_of(sign_in("mallory"))

    assert "0 of 4 done" in page
    assert "python manage.py create_key --organization bare --json" in page
    assert "OPENAI_API_KEY --organization bare<" in page
    assert "python manage.py add_model gpt-4o-mini --provider openai --organization bare<" in page
    assert "from openai import OpenAI" in page
    assert "curl http" in page


def test_steps_are_done_where_the_facts_are_true(company: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"))

    assert "3 of 4 done" in page
    assert page.count("step-done") == 3


def test_demo_progress_is_shown_and_goes_when_done(busy: Company, sign_in: SignIn) -> None:
    job = Job.objects.create(
        kind="seed_demo", period="demo", organization=busy.organization, status=JobStatus.RUNNING, progress=0.42
    )
    client = sign_in("alice")

    assert 'value="42"' in text_of(client)
    assert 'value="42"' in text_of(client, "/admin/status/demo/")
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FAILED, error="disk full")
    assert "stopped at 42" in text_of(client)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.SUCCEEDED, progress=1)
    done = client.get("/admin/status/demo/")
    assert (done.content.strip(), done["HX-Refresh"]) == (b"", "true")


@pytest.mark.parametrize("name", ["alice", "dave", "bob", "root"])
def test_query_count(
    busy: Company, sign_in: SignIn, name: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in(name)

    cache.clear()
    with django_assert_max_num_queries(17):
        text_of(client, HOME + "?range=90d")


def test_a_failing_metrics_layer_leaves_the_rest_of_the_page(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    with patch.object(questions, "run", side_effect=DatabaseError("rollups are gone")):
        page = text_of(client)

    assert "The key figures could not be read" in page
    assert "Cost by model could not be read" in page
    assert "The top projects could not be read" in page
    assert 'id="recent"' in page
    assert re.search(r"Request id <code>req_[0-9a-f]{32}</code>", page)
    assert "rollups are gone" not in page


def test_key_figures_alone_answer_the_live_refresh(busy: Company, sign_in: SignIn) -> None:
    part = text_of(sign_in("alice"), HOME + "?part=kpis&range=24h")

    assert part.count("kpi-label") == 6
    assert "<html" not in part


def test_recent_requests_answer_304_until_something_is_new(busy: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    first = client.get("/admin/requests/recent/")

    again = client.get("/admin/requests/recent/", headers={"If-None-Match": first["ETag"]})
    load(busy, [line(busy, datetime.now(UTC), Random(5))])
    after = client.get("/admin/requests/recent/", headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)
    assert first["Cache-Control"] == "private, no-cache"
    assert after["ETag"] != first["ETag"]
    assert f"data-etag='{after['ETag']}'" in text_of(client)


def test_unpriced_requests_are_named_and_never_counted_as_zero(company: Company, sign_in: SignIn) -> None:
    unknown = {"charges": [], "cost": None, "list_cost": None, "price_status": "unpriced"}
    load(company, [line(company, datetime.now(UTC) - timedelta(hours=1), Random(3), **unknown)])

    page = text_of(sign_in("alice"))

    assert "1 requests have no known price" in page
    assert "no price</td>" in page


def test_huge_state(company: Company, sign_in: SignIn) -> None:
    names = [f"model-with-a-very-long-name-{'x' * 120}-{i:03}" for i in range(100)]
    provider = Model.objects.first().provider  # type: ignore[union-attr]
    for name in names:
        Model.objects.create(organization=company.organization, provider=provider, name=name, upstream_name=name)
    now, rng = datetime.now(UTC), Random(9)
    cost = {"cost": Decimal("98765432.10"), "list_cost": Decimal("98765432.10"), "input_tokens": 9_876_543_210}
    base = [line(company, now - timedelta(hours=i % 160), rng, model_served="gpt-4o", **cost) for i in range(100)]
    load(company, [{**each, "model_served": name} for each, name in zip(base, names, strict=True)])

    page = text_of(sign_in("alice"))

    assert "$9.88\u202fB" in page
    assert "988\u202fB" in page
    assert page.count('class="swatch') == 9  # the eight dearest and the rest
    assert len(page) < 200_000


def test_theme_is_stored_per_person(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    assert client.post("/admin/theme/", {"theme": "dark"}).status_code == 204
    assert '<html lang="en-us" dir="ltr" data-theme="dark" data-theme-saved>' in text_of(client)
    assert client.post("/admin/theme/", {"theme": "<script>"}).status_code == 400
    assert client.get("/admin/theme/").status_code == 405


def test_second_company_stays_apart(busy: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="rival", name="Rival")
    Membership.objects.create(organization=other, user=busy.people["mallory"], role=Role.OWNER)

    page = text_of(sign_in("mallory"))

    assert "Rival" in page
    assert "Acme" not in page
    assert "Customer assistant" not in page


def test_sparklines_of_sums_leave_cut_days_out(company: Company, sign_in: SignIn) -> None:
    """Thirty days have thirty-one dates, the first and last of which are parts: a sum would fall to nothing there."""
    now = datetime(2026, 11, 20, 0, 10, tzinfo=UTC)
    rng = Random(1)
    load(company, [line(company, now - timedelta(days=day, minutes=5), rng) for day in range(35)])
    drain_marks()

    with time_machine.travel(now, tick=False):
        page = text_of(sign_in("alice"), HOME + "?range=30d")

    drawn = dict(re.findall(r'aria-label="(\w[\w ]*), last 30 days"><path class="spark-area" d="([^"]*)"', page))
    assert drawn["Requests"].count(" L") == 30
    assert drawn["Latency p95"].count(" L") == 31
