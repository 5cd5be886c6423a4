"""The request list and the page of one request."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.console import explain, ledger
from gateway.models import VirtualKey
from gateway.scores import RECORD_SQL, read
from tests.console.company import Company, line, load, with_retry
from tests.console.conftest import SignIn

LIST = "/admin/requests/"


def page_of(client: Client, path: str = LIST) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def ids(page: str) -> list[str]:
    return re.findall(r'class="row-link" href="/admin/requests/([^/]+)/"', page)


def make_lines(company: Company, count: int, **changes: object) -> list[dict[str, object]]:
    """`count` requests a minute apart, the newest first, named r0, r1, …"""
    now, rng = datetime.now(UTC) - timedelta(minutes=1), Random(11)
    lines = [line(company, now - timedelta(minutes=i), rng, request_id=f"r{i}", **changes) for i in range(count)]
    load(company, lines)
    return lines


def link(page: str, text: str) -> str:
    found = re.search(rf'href="\?([^"]*)"[^>]*>{text}</a>', page)
    assert found, f"no link {text}"
    return found[1].replace("&amp;", "&")


def test_pages_walk_there_and_back_without_a_gap(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 120)
    client = sign_in("alice")

    first = page_of(client)
    second = page_of(client, f"{LIST}?{link(first, 'Older')}")
    third = page_of(client, f"{LIST}?{link(second, 'Older')}")
    back = page_of(client, f"{LIST}?{link(third, 'Newer')}")

    assert ids(first) + ids(second) + ids(third) == [f"r{i}" for i in range(120)]
    assert ids(back) == ids(second)
    assert "Newer" not in first
    assert ">Older</a>" not in third


def test_lines_of_one_millisecond_are_not_lost_between_pages(company: Company, sign_in: SignIn) -> None:
    at, rng = datetime.now(UTC) - timedelta(hours=1), Random(2)
    load(company, [line(company, at, rng, request_id=f"same{i}") for i in range(70)])
    client = sign_in("alice")

    first = page_of(client)
    second = page_of(client, f"{LIST}?{link(first, 'Older')}")

    assert len(set(ids(first)) | set(ids(second))) == 70


def test_filters(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC) - timedelta(hours=2), Random(4)
    free = {"charges": [], "cost": Decimal(0), "list_cost": Decimal(0), "price_status": "free"}
    ended = {"status": "timeout", "model_served": "claude-haiku-4-5", "project_slug": "review", **free}
    refused = {"kind": "denied", "status": "denied", "project_slug": "review", **free}
    unknown = {"cost": None, "list_cost": None, "charges": [], "price_status": "unpriced", "project_slug": "triage"}
    good = {"model_served": "gpt-4o", "project_slug": "search"}
    endings = {"good": good, "bad": ended, "refused": refused, "mystery": unknown}
    load(company, [line(company, now, rng, request_id=name, **changes) for name, changes in endings.items()])
    client = sign_in("alice")

    def found(query: str) -> set[str]:
        return set(ids(page_of(client, f"{LIST}?{query}")))

    assert found("") == {"good", "bad", "refused", "mystery"}
    assert found("status=timeout") == {"bad"}
    assert found("status=failed") == {"bad"}
    assert found("status=denied") == {"refused"}
    assert found("status=unpriced") == {"mystery"}
    assert "good" in found("model=gpt-4o")
    assert "bad" not in found("model=gpt-4o")
    assert found(f"project={company.projects['search'].pk}") == {"good"}
    assert found(f"key={company.keys['search'].pk}") == {"good"}
    assert found("project=not-an-id") == set()
    assert found("range=custom&from=2020-01-01&to=2020-01-02") == set()


def test_garbage_in_the_url_is_no_error(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    for query in ("before=x", "after=%00", "q=%00", "status=%27%3B--", "range=custom&from=x", "model=" + "m" * 3000):
        assert client.get(f"{LIST}?{query}").status_code == 200


def test_a_pasted_request_id_leads_to_its_page(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 1)
    client = sign_in("alice")

    assert client.get(f"{LIST}?q=r0")["Location"] == f"{LIST}r0/"
    assert "No request with the id “nothing”" in page_of(client, f"{LIST}?q=nothing")


def test_retried_request_counts_once_in_the_list_and_shows_both_attempts(company: Company, sign_in: SignIn) -> None:
    lines = with_retry(company, datetime.now(UTC) - timedelta(hours=1), Random(3))
    load(company, lines)
    client = sign_in("alice")

    assert ids(page_of(client)) == [lines[0]["request_id"]]
    page = page_of(client, f"{LIST}{lines[0]['request_id']}/")
    assert page.index("Attempt 2 of 2</h2>") < page.index("Attempt 1 of 2</h2>")
    assert "asked for fast" in page
    assert "Fallback: openai had failed (server error)." in page
    assert "Upstream error 503" in page
    assert 'class="timeline-output" style="left:' in page


def test_cost_is_explained_charge_by_charge(company: Company, sign_in: SignIn) -> None:
    charges = [
        {"meter": "input", "rate_id": "genai-prices@0.2.3:openai/gpt-4o:input:2024-10-01", "quantity": "1000",
         "unit_price": "0.0000025", "cost": "0.0025", "currency": "USD"},
        {"meter": "cache_read", "rate_id": "override:7:cache_read:x", "quantity": "128",
         "unit_price": "0.00000125", "cost": "0.00016", "currency": "USD"},
        {"meter": "web_search", "rate_id": "genai-prices@0.2.3:openai/gpt-4o:web_search:", "quantity": "2",
         "unit_price": "0.01", "cost": "0.02", "currency": "USD"},
    ]  # fmt: skip
    total = {"charges": charges, "cost": Decimal("0.02266"), "list_cost": Decimal("0.0233")}
    make_lines(company, 1, model_served="gpt-4o", input_tokens=1128, cache_read_tokens=128, output_tokens=0, **total)

    page = page_of(sign_in("alice"), f"{LIST}r0/")

    rows = [re.sub(r"<[^>]+>", "|", row.replace("<wbr>", "")) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
    shown = [[cell.strip() for cell in row.split("|") if cell.strip()] for row in rows]
    assert [
        "Input tokens",
        "genai-prices 0.2.3, openai/gpt-4o, 2024-10-01",
        "1,000 × $2.50 per 1 M tokens",
        "1,000",
        "$2.50",
        "per 1 M tokens",
        "$0.0025",
    ] in shown
    assert [
        "Input tokens read from the vendor&#x27;s cache",
        "your own price",
        "128 × $1.25 per 1 M tokens",
        "128",
        "$1.25",
        "per 1 M tokens",
        "$0.00016",
    ] in shown
    assert [
        "Web searches",
        "genai-prices 0.2.3, openai/gpt-4o",
        "2 × $0.01 per search",
        "2",
        "$0.01",
        "per search",
        "$0.02",
    ] in shown
    assert ["Cost", "$0.02266"] in shown
    assert "$0.0233" in page  # list cost
    assert "Input from cache <strong>128</strong>" in page
    assert "The vendor reported these token counts with the answer." in page


def test_a_refused_request_says_which_model_was_asked_for_and_why(company: Company, sign_in: SignIn) -> None:
    refused = {"kind": "denied", "status": "denied", "http_status": 404, "error_type": "model_not_found"}
    free = {"charges": [], "cost": Decimal(0), "list_cost": Decimal(0), "price_status": "free", "ttft_ms": None}
    asked = {"model_served": None, "provider": None}
    now, rng = datetime.now(UTC) - timedelta(hours=1), Random(5)
    names = {"known": "gpt-9-turbo", "nameless": ""}
    lines = [
        line(company, now, rng, request_id=request_id, model_requested=name, **refused, **free, **asked)
        for request_id, name in names.items()
    ]
    load(company, lines)
    client = sign_in("alice")

    page = page_of(client, f"{LIST}known/")

    assert "<dt>Model asked for</dt><dd>gpt-<wbr>9-<wbr>turbo<br>" in page
    assert "no provider was called. No model or route of this name is offered here." in page
    assert "<code>model_not_found</code>" in page
    assert "<dt>Model asked for</dt><dd>—<br>" in page_of(client, f"{LIST}nameless/")
    assert '<span class="cut" title="—">—</span>' in page_of(client, LIST)


def test_the_timeline_claims_no_first_token_that_is_not_known(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC) - timedelta(hours=1), Random(5)
    unknown = {"ttft_ms": None, "output_ms": None, "is_stream": False, "duration_ms": 800.0}
    load(
        company,
        [
            line(company, now, rng, request_id="whole", **unknown),
            line(company, now, rng, request_id="imported", origin="import", **unknown),
            line(company, now, rng, request_id="streamed", ttft_ms=200.0, duration_ms=800.0),
        ],
    )
    client = sign_in("alice")

    whole, imported, streamed = (page_of(client, f"{LIST}{name}/") for name in ("whole", "imported", "streamed"))

    assert 'class="timeline-whole" style="left:0.000%;width:100.000%"' in whole
    assert "Until the first token" not in whole
    assert "The provider answered." in whole
    assert "Imported: the gateway did not see the call. The record says that the provider answered." in imported
    assert 'class="timeline-wait" style="left:0.000%;width:25.000%"' in streamed
    assert 'class="timeline-output" style="left:25.000%;width:75.000%"' in streamed
    assert "timeline-whole" not in streamed


def test_an_unpriced_request_says_why(company: Company, sign_in: SignIn) -> None:
    unknown = {"charges": [], "cost": None, "list_cost": None, "price_status": "unpriced", "usage_source": "counted"}
    make_lines(company, 1, model_served="gpt-4o", **unknown)

    page = page_of(sign_in("alice"), f"{LIST}r0/")

    assert "Not priced, because no price list and no price of your own named gpt-4o at openai on" in page
    assert '<span class="none">Not priced</span>' in page
    assert "the gateway counted request and answer itself" in page
    assert "$0.00" not in page


def test_request_page_exists_only_for_those_who_may_see_it(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 1, project_slug="search")
    path = f"{LIST}r0/"

    seen = {
        name: sign_in(name).get(path).status_code
        for name in ("root", "alice", "adam", "carol", "dave", "bob", "mallory")
    }

    assert seen == {"root": 200, "alice": 200, "adam": 200, "carol": 200, "dave": 404, "bob": 404, "mallory": 404}
    assert Client().get(path).status_code == 302


def test_list_is_narrowed_by_role(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC) - timedelta(hours=1), Random(6)
    bobs = {"api_key": company.keys["bob"].pk, "user": company.people["bob"].pk}
    load(
        company,
        [
            line(company, now, rng, request_id="search", project_slug="search"),
            line(
                company,
                now,
                rng,
                request_id="triage",
                project_slug="triage",
                user=None,
                api_key=company.keys["triage"].pk,
            ),
            line(company, now, rng, request_id="bobs", project_slug="triage", **bobs),
        ],
    )

    assert set(ids(page_of(sign_in("carol")))) == {"search", "triage", "bobs"}
    assert set(ids(page_of(sign_in("dave")))) == {"triage", "bobs"}
    assert set(ids(page_of(sign_in("bob")))) == {"bobs"}
    assert "You are not a member" in page_of(sign_in("mallory"))


def test_text_of_callers_is_escaped(company: Company, sign_in: SignIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    make_lines(
        company, 1, model_served=None, model_requested=evil, end_user=evil, error_type=evil[:60], tag_set={evil: evil}
    )
    client = sign_in("alice")

    for page in (page_of(client), page_of(client, f"{LIST}r0/"), page_of(client, f"{LIST}?model={evil}")):
        assert "<img src=x" not in page


def test_query_counts(busy: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in("alice")
    request_id = ids(page_of(client))[0]

    with django_assert_max_num_queries(17):
        page_of(client, f"{LIST}?range=90d&status=ok")
    with django_assert_max_num_queries(11):
        page_of(client, f"{LIST}{request_id}/")
    with django_assert_max_num_queries(5):
        client.get(f"{LIST}recent/")


def test_many_lines_of_one_id_are_cut_and_said(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC) - timedelta(hours=1), Random(8)
    load(
        company,
        [line(company, now + timedelta(seconds=i), rng, request_id="again") for i in range(ledger.MOST_LINES + 5)],
    )

    page = page_of(sign_in("alice"), f"{LIST}again/")

    assert "Only the first 100 lines of this id are shown." in page


def test_scores_of_a_request_are_shown_with_who_and_when(company: Company, sign_in: SignIn) -> None:
    made = make_lines(company, 2)
    with connection.cursor() as cursor:
        for said in (
            {"name": "helpfulness", "source": "user <b>", "score": 0.8},
            {"name": "tone", "source": "grader", "label": "friendly"},
        ):
            opinion = read({"request_id": "r0", **said})
            by = {"by_user": company.people["alice"].pk} if "score" in said else {"by_key": made[0]["api_key"]}
            cursor.execute(RECORD_SQL, opinion.parameters(company.organization.pk, made[0]["project"], **by))
    client = sign_in("alice")

    page = page_of(client, f"{LIST}r0/")

    rows = re.findall(r'<tr><th scope="row">(\w+)</th><td class="num">([^<]*)</td><td>([^<]*)</td><td>(.*?)</td>', page)
    key = VirtualKey.objects.get(pk=made[0]["api_key"])
    assert rows == [
        ("helpfulness", "0.80", "–", f'user &lt;b&gt; <span class="quiet">{company.people["alice"]}</span>'),
        ("tone", "–", "friendly", f'grader <span class="quiet">key {key}</span>'),
    ]
    assert "scores-title" not in page_of(client, f"{LIST}r1/")


def test_calls_with_the_same_request_id_are_told(company: Company, sign_in: SignIn) -> None:
    now, rng = datetime.now(UTC) - timedelta(minutes=1), Random(11)
    load(company, [line(company, now - timedelta(minutes=i), rng, request_id="mine") for i in range(2)])

    page = page_of(sign_in("alice"), f"{LIST}mine/")

    assert "The caller sent this id with 2 calls." in page
    assert "Attempt 1 of 2" not in page


def test_why_a_line_has_no_price() -> None:
    from_record = explain.price_words("unpriced", "unknown", None, "16 Nov 2023")
    of_model = explain.price_words("unpriced", "house-1", "openai", "16 Nov 2023")

    assert from_record == (
        "Not priced, because the record names no model. "
        "The cost is unknown, not zero; a price that arrives is booked as an adjusting entry."
    )
    assert of_model.startswith(
        "Not priced, because no price list and no price of your own named house-1 at openai on 16 Nov 2023."
    )
