"""The Usage page: any measure by any dimension, its table, CSV, links, and who sees what of it."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from itertools import product
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.annotations import create_annotation
from analytics.console import questions
from analytics.models import DeclaredTag
from gateway.models import Membership, Model, Organization
from gateway.services import audit
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

USAGE = "/admin/usage/"
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH = "range=custom&from=2026-03-09&to=2026-03-11"


def text_of(client: Client, query: str = "", path: str = USAGE) -> str:
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200, response.content
    return unescape(response.content.decode())


def figure(page: str, name: str = "usage") -> dict[str, Any]:
    """The figure that the page hands to the browser."""
    found = re.search(rf'<script id="fig-{name}" type="application/json">(.*?)</script>', page)
    assert found
    made: dict[str, Any] = json.loads(found[1])
    return made


def rows_of(client: Client, query: str) -> list[list[str]]:
    response = client.get(f"/admin/usage/data.csv?{query}")
    assert response.status_code == 200, response.content
    return list(csv.reader(io.StringIO(response.content.decode())))


@pytest.fixture
def march(company: Company) -> Company:
    """Four requests on two days of March, and one a week before; costs 1, 2, 4, 8 and 3."""
    rng = Random(1)
    cases = (
        (DAY - timedelta(days=1), "gpt-4o", "assistant", "1"),
        (DAY, "gpt-4o", "assistant", "2"),
        (DAY + timedelta(hours=1), "claude-haiku-4-5", "review", "4"),
        (DAY + timedelta(hours=1), "gpt-4o-mini", "triage", "8"),
        (DAY - timedelta(days=7), "gpt-4o", "assistant", "3"),
    )
    load(
        company,
        [
            line(
                company, at, rng, model_served=model, project_slug=project, cost=Decimal(cost), list_cost=Decimal(cost)
            )
            for at, model, project, cost in cases
        ],
    )
    return company


def test_cost_by_model_is_the_ledger_to_the_digit(march: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), MARCH)

    assert "Cost by day and model" in page
    assert (
        "$15.00 in total, nothing to compare with in the 3 days before; gpt-4o-mini is the largest with 53.3\u202f% of "
        "it; the highest day was Tuesday, 10 March with $14.00." in page
    )
    assert rows_of(sign_in("alice"), f"{MARCH}&card=series") == [
        ["Day (UTC)", "gpt-4o-mini", "claude-haiku-4-5", "gpt-4o", "Total"],
        ["2026-03-09T00:00:00+00:00", "0", "0", "1", "1"],
        ["2026-03-10T00:00:00+00:00", "8", "4", "2", "14"],
        ["2026-03-11T00:00:00+00:00", "0", "0", "0", "0"],
        ["Total", "8", "4", "3", "15"],
    ]


def test_other_bucket_makes_shares_add_up(march: Company, sign_in: SignIn) -> None:
    models = [f"model-{i}" for i in range(9)]
    load(march, [line(march, DAY, Random(i), model_served="gpt-4o") | {"model_served": name, "cost": Decimal(1)}
                 for i, name in enumerate(models)])  # fmt: skip

    found = rows_of(sign_in("alice"), f"{MARCH}&card=groups&top=5&compare=none")

    assert found[0] == ["Model", "Cost", "Share", "Requests"]
    assert [row[:2] for row in found[1:4]] == [["gpt-4o-mini", "8"], ["claude-haiku-4-5", "4"], ["gpt-4o", "3"]]
    assert found[6] == ["Other", "7", "0.291667", "7"]
    assert found[7] == ["Total", "24", "1", "13"]
    assert sum(Decimal(row[2]) for row in found[1:7]) == pytest.approx(Decimal(1), abs=Decimal("0.00001"))


def test_same_weekdays_before_are_a_whole_number_of_weeks_away(march: Company, sign_in: SignIn) -> None:
    query = "range=custom&from=2026-03-10&to=2026-03-10&compare=week"

    page, found = text_of(sign_in("alice"), query), rows_of(sign_in("alice"), f"{query}&card=groups")

    assert "367\u202f% more than a week before" in page  # 14 against 3
    assert found[0][-2:] == ["Before", "Change"]
    assert found[-1] == ["Total", "14", "1", "3", "3", "3.666667"]
    assert "new in this period" in page


def test_every_row_and_point_leads_to_its_requests(march: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), f"{MARCH}&status=ok")

    links = [parse_qs(urlsplit(url).query) for url in re.findall(r'href="(/admin/requests/\?[^"]*)"', page)]
    window = {"start": ["2026-03-10T00:00:00+00:00"], "end": ["2026-03-11T00:00:00+00:00"]}
    assert {"organization": ["acme"], "status": ["ok"], **window} in links
    days = {"range": ["custom"], "from": ["2026-03-09"], "to": ["2026-03-11"]}
    assert {"organization": ["acme"], "status": ["ok"], "model": ["gpt-4o"], **days} in links
    drill = figure(page)["drill"]
    assert (drill["url"], drill["by"]) == ("/admin/requests/?organization=acme&status=ok", "model")
    assert drill["edges"][:2] == ["2026-03-09T00:00:00+00:00", "2026-03-10T00:00:00+00:00"]
    assert [trace["meta"]["value"] for trace in figure(page)["data"]] == ["gpt-4o-mini", "claude-haiku-4-5", "gpt-4o"]


def test_filters_stand_in_the_url_and_can_be_taken_away(march: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    added = client.get(f"{USAGE}?{MARCH}&add=project&value=assistant")

    assert (added.status_code, parse_qs(urlsplit(added["Location"]).query)["project"]) == (302, ["assistant"])
    page = text_of(client, urlsplit(added["Location"]).query)
    assert "$3.00 in total" in page
    chip = re.search(r'class="chip" href="([^"]*)"', page)
    assert chip
    assert "$15.00 in total" in text_of(client, chip[1].removeprefix("?"))
    project = march.projects["assistant"]
    assert f">{project.name}</span>" in text_of(client, f"{MARCH}&project={project.pk}")


def test_unknown_values_are_refused_in_words(march: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    assert "No team 'nowhere' here." in text_of(client, f"{MARCH}&team=nowhere")
    assert "Percentiles are not kept by" in text_of(client, f"{MARCH}&measure=latency_p95&by=sdk")
    refused = client.get(f"/admin/usage/data.csv?{MARCH}&team=nowhere&card=series")
    assert (refused.status_code, refused.content) == (400, b"No team 'nowhere' here.\n")
    assert client.get(f"/admin/usage/data.csv?{MARCH}&card=nothing").status_code == 404
    assert "$15.00 in total" in text_of(client, f"{MARCH}&measure=x&by=x&view=x&grain=x&compare=x&top=x")


@pytest.mark.slow
def test_every_view_of_every_kind_of_dimension(march: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    for view, by in product(("stacked", "lines", "table", "heat"), ("team", "api_key", "user", "is_stream", "none")):
        page = text_of(client, f"{MARCH}&measure=requests&by={by}&view={view}")

        assert "could not be read" not in page, (view, by)
        assert "has no answer" not in page, (view, by)
        assert ('data-chart="usage"' in page) is (view in ("stacked", "lines"))


def test_declared_tags_are_dimensions(march: Company, sign_in: SignIn) -> None:
    DeclaredTag.objects.create(organization=march.organization, key="feature")
    client = sign_in("alice")

    page = text_of(client, f"{MARCH}&by=tag.feature&compare=none")

    assert "Cost by day and tag feature" in page
    assert '<option value="tag.feature" selected>Tag feature</option>' in page
    assert "an administrator has to declare the tag" in text_of(client, f"{MARCH}&by=tag.other")
    added = client.get(f"{USAGE}?{MARCH}&add=tag.feature&value=search")
    assert parse_qs(urlsplit(added["Location"]).query)["tag.feature"] == ["search"]


def test_what_does_not_add_up_is_never_stacked(busy: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), "measure=latency_p95&view=stacked")

    assert "barmode" not in figure(page)["layout"]
    assert "of it; " not in page
    assert "is the highest with" in page
    assert "cannot be added up" in text_of(sign_in("alice"), "measure=latency_p95&view=heat")


def test_heat_map_has_the_mean_of_each_hour(march: Company, sign_in: SignIn) -> None:
    query = "range=custom&from=2026-03-03&to=2026-03-16&measure=cost&view=heat"

    page, found = text_of(sign_in("alice"), query), rows_of(sign_in("alice"), f"{query}&card=heat")

    assert "Mean of an hour: Tuesday at 13:00 is the highest with $6.00" in page
    tuesday = next(row for row in found if row[0] == "Tuesday")
    assert (tuesday[1 + 12], tuesday[1 + 13]) == ("2.5", "6")  # 3 and 2; 12 and nothing
    assert 'title="Tuesday, 13:00: $6.00"><a href="/admin/requests/?organization=acme&range=custom&' in page
    assert 'weekday=2&hour=13" aria-label="Tuesday, 13:00: $6.00, its requests">$6.00</a></td>' in page
    assert "--level:1.000" in page


def test_a_cell_of_the_heat_map_leads_to_its_requests(march: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    page = text_of(client, "range=custom&from=2026-03-03&to=2026-03-16&measure=cost&view=heat&model=gpt-4o")
    url = next(link for link in re.findall(r'<a href="([^"]+)"', page) if "weekday=2&hour=13" in link)

    listed = client.get(url).content.decode()

    assert parse_qs(urlsplit(url).query) == {
        "organization": ["acme"], "range": ["custom"], "from": ["2026-03-03"], "to": ["2026-03-16"],
        "model": ["gpt-4o"], "weekday": ["2"], "hour": ["13"],
    }  # fmt: skip
    assert '<strong class="cut">Tuesday</strong>' in listed
    assert '<strong class="cut">13:00 to 14:00</strong>' in listed


def test_formulas_in_names_do_not_run_in_a_spreadsheet(march: Company, sign_in: SignIn) -> None:
    load(march, [line(march, DAY, Random(2), model_served="gpt-4o") | {"model_served": "=HYPERLINK(1)", "cost": 1}])

    response = sign_in("alice").get(f"/admin/usage/data.csv?{MARCH}&card=groups")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "\r\n'=HYPERLINK(1),1," in response.content.decode()


def test_changes_are_marked_for_who_may_read_the_audit_trail(march: Company, sign_in: SignIn) -> None:
    model = Model.objects.get(name="gpt-4o")
    with transaction.atomic(), patch.object(audit.timezone, "now", return_value=DAY):
        event = audit.record(
            organization=march.organization, actor=march.people["alice"], verb="model.update", target=model,
            after={"context_tokens": 1},
        )  # fmt: skip

    page, hidden = text_of(sign_in("alice"), MARCH), text_of(sign_in("carol"), MARCH)

    assert "1 change marked" in page
    assert f'<a href="/admin/gateway/auditevent/{event.pk}/change/">Model gpt-4o changed</a>' in page
    assert [shape["x0"] for shape in figure(page)["layout"]["shapes"]] == ["2026-03-10T00:00"]
    assert "marked" not in hidden


def test_changes_stand_in_the_table_and_the_csv(march: Company, sign_in: SignIn) -> None:
    alice = march.people["alice"]
    create_annotation(organization=march.organization, actor=alice, text="=Search 4", at=DAY)
    create_annotation(organization=march.organization, actor=alice, kind="incident", text="Down", at=DAY)

    page, found = text_of(sign_in("carol"), MARCH), rows_of(sign_in("carol"), f"{MARCH}&card=series")

    assert "1 change marked" in page
    assert "<td>Deploy: =Search 4; Incident: Down</td>" in page
    assert figure(page)["layout"]["annotations"][0]["hovertext"] == "Deploy: =Search 4<br>Incident: Down"
    assert [row[-1] for row in found] == ["Changes", "", "Deploy: =Search 4; Incident: Down", "", ""]


def test_the_picker_narrows_and_goes_along(march: Company, sign_in: SignIn) -> None:
    DeclaredTag.objects.create(organization=march.organization, key="environment")
    team, client = march.teams["support"], sign_in("alice")
    query = f"{MARCH}&organization=acme&team={team.pk}"

    form = text_of(client, f"{query}&page=/admin/&view=lines", "/admin/picker/")
    page = text_of(client, query)
    home = text_of(client, query, "/admin/")
    elsewhere = text_of(client, f"{query}&page=https://evil.example/", "/admin/picker/")

    assert f'<option value="{team.pk}" selected>{team.name}</option>' in form
    assert '<input type="hidden" name="view" value="lines">' in form
    offered = ("team", "project", "model", "tag.environment", "compare")
    assert [name for name in offered if f' name="{name}"' not in form] == []
    assert 'action="/admin/"' in elsewhere
    kept = f"organization=acme&range=custom&from=2026-03-09&to=2026-03-11&team={team.pk}"
    assert f'href="/admin/performance/?{kept}"' in page
    assert 'href="/admin/keys/"' in page
    assert "$8.00 in total" in home
    assert f'<span class="cut">{team.name}</span>' in home
    assert 'data-period="-1"' in page
    assert "range=custom&from=2026-03-06&to=2026-03-08" in page


def test_why_names_formula_rows_and_state_of_the_data(march: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), MARCH)

    assert "Σ cost of all priced lines, adjustments included." in page
    assert "Counted: 4 requests with 4 upstream attempts, from 9 Mar 2026 00:00 to 12 Mar 2026 00:00 (UTC)." in page
    assert "Prices: those in force when each call started" in page
    assert "Narrowed to model gpt-4o or gpt-4o-mini, status ok." in text_of(
        sign_in("alice"), f"{MARCH}&status=ok&model=gpt-4o&model=gpt-4o-mini"
    )
    assert re.search(r"As of \d\d:\d\d:\d\d, data version \d+, rollup lag", page)


def test_people_see_their_part(march: Company, sign_in: SignIn) -> None:
    assert "$15.00 in total" in text_of(sign_in("carol"), MARCH)
    assert "$8.00 in total" in text_of(sign_in("dave"), MARCH)
    assert "Code review" not in text_of(sign_in("dave"), f"{MARCH}&by=project")
    assert "You are not a member of an organization yet" in text_of(sign_in("mallory"), f"{MARCH}&organization=acme")
    assert sign_in("mallory").get(f"/admin/usage/data.csv?{MARCH}&card=series&organization=acme").status_code == 404
    assert Client().get(USAGE).status_code == 302


def test_developers_see_their_own(busy: Company, sign_in: SignIn) -> None:
    everything = rows_of(sign_in("alice"), "measure=requests&by=api_key&card=groups&range=30d")
    own = rows_of(sign_in("bob"), "measure=requests&by=api_key&card=groups&range=30d")

    assert len(everything) > 3
    assert [row[0] for row in own[1:-1]] == [f"bob's key ({busy.keys['bob'].prefix}…)"]
    assert own[1] in [[*row[:2], "1", *row[3:]] for row in everything]


def test_another_organization_stays_apart(march: Company, sign_in: SignIn) -> None:
    other = Organization.objects.create(slug="rival", name="Rival")
    Membership.objects.create(organization=other, user=march.people["mallory"], role="owner")

    page = text_of(sign_in("mallory"), f"{MARCH}&organization=acme&project={march.projects['review'].pk}")

    assert "Code review" not in page
    assert "Nothing matches" in page


def test_empty_period_says_how_to_fill_it(company: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"))

    assert "No requests in the last 7 days" in page
    assert "/v1/chat/completions -H" in page


def test_failing_metrics_layer_is_said_and_the_controls_stay(busy: Company, sign_in: SignIn) -> None:
    with patch.object(questions, "run", side_effect=DatabaseError("rollups are gone")):
        page = text_of(sign_in("alice"))

    assert "The figures could not be read" in page
    assert 'name="measure"' in page
    assert "rollups are gone" not in page


def test_query_count(busy: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for name in ("alice", "dave", "bob", "root"):
        client = sign_in(name)
        cache.clear()
        with django_assert_max_num_queries(14):
            text_of(client, "range=90d&by=project")


def test_huge_state(company: Company, sign_in: SignIn) -> None:
    names = [f"model-with-a-very-long-name-{'x' * 120}-{i:03}" for i in range(500)]
    provider = Model.objects.first().provider  # type: ignore[union-attr]
    Model.objects.bulk_create(
        Model(organization=company.organization, provider=provider, name=name, upstream_name=name) for name in names
    )
    now, rng = datetime.now(UTC), Random(9)
    base = [line(company, now - timedelta(hours=i % 160), rng, model_served="gpt-4o") for i in range(500)]
    load(company, [{**each, "model_served": name} for each, name in zip(base, names, strict=True)])

    page = text_of(sign_in("alice"), "top=50&range=30d")

    assert page.count('class="swatch') == 102  # legend and table: the first fifty and the rest
    assert "Other, all beyond the first 50" in page
    assert len(page) < 400_000


@pytest.mark.parametrize(("page", "query"), [("usage", "measure=requests&by=team"), ("performance", "compare=year")])
def test_views_of_a_page_are_saved_with_its_whole_state(march: Company, sign_in: SignIn, page: str, query: str) -> None:
    alice, carol, bob = sign_in("alice"), sign_in("carol"), sign_in("bob")
    here = f"/admin/{page}/"
    text = f"{MARCH}&{query}&model=gpt-4o"
    kept = re.search(r'name="query" value="([^"]*)"', text_of(alice, text, here))
    assert kept
    posted = {"page": page, "name": "March", "query": kept[1], "shared_with": ["analyst"]}

    answer = alice.post("/admin/views/", posted)

    assert kept[1] == text
    assert answer["Location"] == f"{here}?organization=acme&{text}"
    tab = f'<a class="tab" href="{here}?organization=acme&{text}"'
    assert f'{tab} aria-current="page">March <span class="tab-count">shared' in text_of(alice, text, here)
    assert f'{tab}>March <span class="tab-count">by ' in text_of(carol, "", here)
    assert ">March <" not in text_of(bob, "", here)
    assert ">March <" not in text_of(carol, "", "/admin/requests/")


def test_built_in_views_of_usage_keep_window_and_filters(march: Company, sign_in: SignIn) -> None:
    page = text_of(sign_in("alice"), f"{MARCH}&by=team&model=gpt-4o")
    tabs = dict(re.findall(r'<a class="tab" href="([^"]*)"( aria-current="page")?>', page))

    assert [url for url, current in tabs.items() if current] == [f"?organization=acme&{MARCH}&by=team&model=gpt-4o"]
    assert f"?organization=acme&{MARCH}&measure=errors&by=error_type&model=gpt-4o" in tabs
