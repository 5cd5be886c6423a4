"""The Requests explorer: filters, counts, columns, saved views, live rows, the drawer; the index that the list uses."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.console.explorer import columns, listing
from analytics.console.explorer.filters import Condition, Filters, read_filters
from analytics.console.explorer.state import State
from analytics.console.explorer.window import read_window
from analytics.console.periods import read_period
from gateway.choices import Role
from gateway.models import AuditEvent, LoggedBody, SavedView
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn
from tests.console.test_requests import LIST, ids, make_lines, page_of

FREE = {"charges": [], "cost": Decimal(0), "list_cost": Decimal(0), "price_status": "free"}


def filters_of(text: str) -> Filters:
    return read_filters(QueryDict(text))


def test_filters_are_read_from_the_url_and_written_back() -> None:
    text = "status=ok&status=timeout&provider%21=openai&is_stream=true&tag.tier=gold&min_duration_ms=1500&min_cost=0.25"

    found = filters_of(text)

    assert found.conditions == (
        Condition("status", ("ok", "timeout")),
        Condition("provider", ("openai",), is_negated=True),
        Condition("is_stream", ("true",)),
    )
    assert (found.tags, found.least_ms, found.least_cost) == ((("tier", "gold"),), 1500, Decimal("0.25"))
    assert filters_of(urlencode(found.query)) == found
    assert found.is_countable is False


def test_older_spellings_are_understood() -> None:
    assert filters_of("key=x").conditions == (Condition("api_key", ("x",)),)
    failed = ("client_error", "upstream_error", "timeout", "interrupted")
    assert filters_of("status=failed").conditions == (Condition("status", failed),)
    assert filters_of("status=unpriced") == Filters(price_status="unpriced")


def test_a_value_is_kept_dropped_and_let_go() -> None:
    kept = Filters().toggled("model", "a").toggled("model", "b")
    dropped = kept.toggled("model", "a", negated=True)

    assert kept.conditions == (Condition("model", ("a", "b")),)
    assert dropped.conditions == (Condition("model", ("b",)), Condition("model", ("a",), is_negated=True))
    assert dropped.toggled("model", "a", negated=True).conditions == (Condition("model", ("b",)),)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("start=2026-03-01T00:00:00Z&end=2026-03-01T01:00:00Z", "2026-03-01T00:00:00", "2026-03-01T01:00:00"),
        ("start=2026-03-01T00:00:00+05:45&end=2026-03-01T01:00:00+05:45", "2026-02-28T18:15:00", "2026-02-28T19:15:00"),
        ("start=2026-03-01&end=2026-03-02", "2026-03-01T00:00:00", "2026-03-02T00:00:00"),
    ],
)
def test_two_instants_are_a_window(text: str, start: str, end: str) -> None:
    window = read_window(QueryDict(text), datetime(2026, 4, 1, tzinfo=UTC), "UTC")

    assert window.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert window.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["start=x&end=y", "start=2026-03-02T00:00Z&end=2026-03-01T00:00Z", "start=2026-03-01"])
def test_what_is_no_window_is_the_usual_range(text: str) -> None:
    assert read_window(QueryDict(text), timezone.now(), "UTC").key == "7d"


@pytest.fixture
def endings(company: Company) -> Company:
    """Four requests of known values an hour and more ago."""
    now, rng = datetime.now(UTC) - timedelta(hours=1), Random(4)
    lines = [
        {"request_id": "good", "model_served": "gpt-4o", "project_slug": "search", "duration_ms": 900.0},
        {"request_id": "slow", "model_served": "gpt-4o-mini", "project_slug": "search", "duration_ms": 30_000.0,
         "tag_set": {"tier": "gold"}},
        {"request_id": "late", "model_served": "claude-haiku-4-5", "project_slug": "review", "status": "timeout",
         "duration_ms": 700.0, **FREE},
        {"request_id": "refused", "kind": "denied", "status": "denied", "project_slug": "review", "provider": None,
         "duration_ms": 5.0, **FREE},
    ]  # fmt: skip
    load(company, [line(company, now - timedelta(minutes=i), rng, **changes) for i, changes in enumerate(lines)])
    return company


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status!=ok", {"late", "refused"}),
        ("status=ok&status=timeout", {"good", "slow", "late"}),
        ("provider=openai", {"good", "slow"}),
        ("provider=(none)", {"refused"}),
        ("provider!=openai", {"late", "refused"}),
        ("provider!=(none)", {"good", "slow", "late"}),
        ("project=search", {"good", "slow"}),
        ("project!=search", {"late", "refused"}),
        ("min_duration_ms=20000", {"slow"}),
        ("tag.tier=gold", {"slow"}),
        ("http_status=x", set()),
        ("user=not-an-id", set()),
    ],
)
def test_filters_narrow_the_list(endings: Company, sign_in: SignIn, query: str, expected: set[str]) -> None:
    name, _, value = query.partition("=")
    encoded = urlencode([tuple(pair.split("=")) for pair in query.replace("!=", "!\0").replace("\0", "=").split("&")])

    assert set(ids(page_of(sign_in("alice"), f"{LIST}?{encoded}"))) == expected, (name, value)


def test_a_window_of_two_instants_narrows_the_list(endings: Company, sign_in: SignIn) -> None:
    now = datetime.now(UTC)
    window = {"start": (now - timedelta(minutes=61, seconds=30)).isoformat(), "end": now.isoformat()}

    page = page_of(sign_in("alice"), f"{LIST}?{urlencode(window)}")

    assert set(ids(page)) == {"good", "slow"}
    assert 'role="button" aria-pressed' not in page  # what is past is never live


def values_of(client: Client, dimension: str, query: str = "") -> dict[str, str]:
    page = page_of(client, f"{LIST}values/?dimension={dimension}&{query}")
    found = re.findall(r'<span class="cut">([^<]*)</span> <span class="num" title="(\d+) requests">', page)
    return dict(found)


def test_values_are_counted_with_the_other_filters_in_force(endings: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    assert values_of(client, "project") == {"Semantic search": "2", "Code review": "2"}
    assert values_of(client, "project", "status=ok") == {"Semantic search": "2"}
    assert values_of(client, "status", "status=ok") == {"OK": "2", "Time-out": "1", "Denied": "1"}
    assert client.get(f"{LIST}values/?dimension=organization").status_code == 404
    assert "about 4" in page_of(client)
    assert "about 2" in page_of(client, f"{LIST}?status=ok")
    assert ", of about" not in page_of(client, f"{LIST}?min_duration_ms=1")


def test_counts_are_narrowed_by_role(endings: Company, sign_in: SignIn) -> None:
    assert values_of(sign_in("bob"), "project") == {}
    assert values_of(sign_in("carol"), "project") == {"Semantic search": "2", "Code review": "2"}
    assert sign_in("mallory").get(f"{LIST}values/?dimension=project").status_code == 404


def test_columns_are_chosen_and_remembered(endings: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")

    chosen = page_of(client, f"{LIST}?columns=provider&columns=cost&columns=nonsense")
    again = page_of(client)

    for page in (chosen, again):
        assert re.findall(r'<th scope="col"[^>]*>([^<]+?)\s*<', page) == ["Time", "Provider", "Cost"]
    assert [column.name for column in columns.COLUMNS.values()][:2] == ["project", "team"]


def test_every_column_can_be_shown(endings: Company, sign_in: SignIn) -> None:
    page = page_of(sign_in("alice"), f"{LIST}?columns={','.join(columns.COLUMNS)}")

    assert set(ids(page)) == {"good", "slow", "late", "refused"}


def state_of(company: Company, text: str = "") -> State:
    period = read_period({"range": "90d"}, timezone.now())
    shown = [columns.COLUMNS[name] for name in columns.DEFAULT]
    return State(company.organization, period, filters_of(text), shown)


OTHERS = """
CREATE TEMP TABLE others ON COMMIT DROP AS SELECT l.* FROM gateway_ledgerline l, generate_series(1, 12);
UPDATE others SET organization = gen_random_uuid(),
    id = (left(id::text, 14) || right(gen_random_uuid()::text, 22))::uuid;
INSERT INTO gateway_ledgerline SELECT * FROM others;
ANALYZE gateway_ledgerline;
SET LOCAL enable_seqscan = off;
"""


@pytest.mark.slow
def test_the_list_goes_by_the_index_within_the_window(busy: Company) -> None:
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)

    for text in ("", "status=timeout", "model=gpt-4o&provider%21=openai", "min_cost=1", "project=search"):
        for name in ("alice", "dave", "bob"):
            query = listing.matching(busy.people[name], state_of(busy, text))[: listing.PAGE_SIZE + 1]
            plan = json.loads(query.explain(format="json"))[0]["Plan"]
            scans = [node for node in walk(plan) if "gateway_ledgerline" in str(node.get("Relation Name", ""))]
            assert scans
            for node in scans:
                assert node["Node Type"] in ("Index Scan", "Bitmap Heap Scan"), (text, name, node)
                condition = node.get("Index Cond") or node.get("Recheck Cond") or ""
                parts = ("organization = ", "started_at >= ", "started_at < ")
                assert [part in condition for part in parts] == [True, True, True], (text, name, node)


def walk(node: dict) -> list[dict]:
    return [node, *(each for child in node.get("Plans", []) for each in walk(child))]


def test_a_list_that_takes_too_long_says_so(endings: Company, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: object, **more: object) -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        raise AssertionError("not cancelled")

    monkeypatch.setattr(listing, "PATIENCE_MS", 20)
    monkeypatch.setattr(listing.QuerySet, "__iter__", slow)
    with pytest.raises(listing.TooWide):
        listing.newest(endings.people["alice"], state_of(endings))
    assert OperationalError is not None


def test_query_count(busy: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in("alice")
    page_of(client)

    with django_assert_max_num_queries(17):
        page_of(client, f"{LIST}?range=90d&status=ok&provider=openai")
    with django_assert_max_num_queries(10):
        page_of(client, f"{LIST}values/?dimension=project&range=30d")
    with django_assert_max_num_queries(10):
        client.get(f"{LIST}live/?live=1")


def test_live_rows_answer_304_until_something_is_new(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 2)
    client = sign_in("alice")
    page = page_of(client, f"{LIST}?live=1")
    tag = re.search(r"data-etag='(W/\"[0-9a-f]+\")'", page)
    assert tag

    first = client.get(f"{LIST}live/?live=1", headers={"If-None-Match": tag[1]})
    load(company, [line(company, datetime.now(UTC), Random(1), request_id="fresh")])
    second = client.get(f"{LIST}live/?live=1", headers={"If-None-Match": tag[1]})

    assert (first.status_code, first.content) == (304, b"")
    assert second.status_code == 200
    assert ids(second.content.decode()) == ["fresh", "r0", "r1"]
    assert second["ETag"] != tag[1]


def test_the_drawer_has_the_request_without_the_frame(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 1, model_served="gpt-4o")
    page = page_of(sign_in("alice"), f"{LIST}r0/?part=drawer")

    assert "<html" not in page
    assert "Timeline" in page
    assert "client.chat.completions.create(" in page
    assert "curl http" in page
    assert sign_in("mallory").get(f"{LIST}r0/?part=drawer").status_code == 404


def keep_bodies(company: Company) -> None:
    from gateway import credentials

    LoggedBody.objects.create(
        organization=company.organization.pk, project=company.projects["search"].pk, request_id="r0",
        logged_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1), endpoint="/v1/chat/completions",
        request=credentials.encrypt('{"messages": "<b>"}'), response=credentials.encrypt("hello"), is_truncated=False,
    )  # fmt: skip


def test_bodies_are_for_administrators_and_reading_them_is_noted(company: Company, sign_in: SignIn) -> None:
    make_lines(company, 1, project_slug="search")
    keep_bodies(company)

    assert "Show what was sent" in page_of(sign_in("adam"), f"{LIST}r0/")
    assert "Show what was sent" not in page_of(sign_in("carol"), f"{LIST}r0/")
    assert sign_in("carol").post(f"{LIST}r0/bodies/").status_code == 403
    shown = sign_in("adam").post(f"{LIST}r0/bodies/").content.decode()
    assert "{&quot;messages&quot;: &quot;&lt;b&gt;&quot;}" in shown
    event = AuditEvent.objects.get(verb="bodies.read")
    assert (event.actor, event.after["request_id"]) == (company.people["adam"], "r0")
    assert sign_in("adam").post(f"{LIST}unknown/bodies/").status_code == 404


def save(client: Client, name: str, query: str, *roles: str) -> int:
    return client.post("/admin/views/", {"name": name, "query": query, "shared_with": roles}).status_code


def test_saved_views_are_private_or_shared_by_role(endings: Company, sign_in: SignIn) -> None:
    alice, carol, bob = sign_in("alice"), sign_in("carol"), sign_in("bob")

    assert save(alice, "Mine", "range=30d&status=timeout&organization=other&peek=x") == 302
    assert save(alice, "For analysts", "range=7d&provider=openai", Role.ANALYST) == 302
    assert save(bob, "Not shared", "range=7d", Role.OWNER) == 302  # refused: developers share nothing

    assert SavedView.objects.get(name="Mine").query == "range=30d&status=timeout"
    assert [view.name for view in SavedView.objects.visible_to(endings.people["alice"])] == ["For analysts", "Mine"]
    assert [view.name for view in SavedView.objects.visible_to(endings.people["carol"])] == ["For analysts"]
    assert not SavedView.objects.visible_to(endings.people["bob"]).exists()
    assert not SavedView.objects.visible_to(endings.people["mallory"]).exists()
    assert "Developers keep views for themselves alone." in page_of(bob)
    assert ">For analysts <" in page_of(carol)
    assert AuditEvent.objects.filter(verb="saved_view.share").count() == 1


def test_a_saved_view_is_replaced_by_name_and_deleted(endings: Company, sign_in: SignIn) -> None:
    alice, carol, adam = sign_in("alice"), sign_in("carol"), sign_in("adam")
    save(carol, "Errors here", "range=7d&status=failed", Role.ADMIN)
    save(carol, "Errors here", "range=24h&status=failed", Role.ADMIN)
    save(alice, "Private", "range=7d")
    shared, private = SavedView.objects.get(name="Errors here"), SavedView.objects.get(name="Private")

    assert shared.query == "range=24h&status=failed"
    assert sign_in("bob").post(f"/admin/views/{shared.pk}/delete/").status_code == 404
    assert carol.post(f"/admin/views/{private.pk}/delete/").status_code == 404
    assert adam.post(f"/admin/views/{shared.pk}/delete/").status_code == 302
    assert [view.name for view in SavedView.objects.all()] == ["Private"]
    assert save(alice, "", "range=7d") == 302
    assert SavedView.objects.count() == 1


def test_built_in_views_are_of_the_window(endings: Company, sign_in: SignIn) -> None:
    page = page_of(sign_in("alice"), f"{LIST}?range=24h")
    links = dict(re.findall(r'<a class="tab" href="([^"]*)">(\w+)</a>', page))

    by_name = {name: url.replace("&amp;", "&") for url, name in links.items()}
    assert set(by_name) == {"Errors", "Slow", "Expensive"}
    assert set(ids(page_of(sign_in("alice"), by_name["Errors"]))) == {"late"}
    assert set(ids(page_of(sign_in("alice"), by_name["Slow"]))) <= {"slow"}
    assert "range=24h" in by_name["Expensive"]


def test_the_palette_finds_pages_and_what_one_may_see(endings: Company, sign_in: SignIn) -> None:
    def found(name: str, text: str) -> set[tuple[str, str]]:
        answer = sign_in(name).get("/admin/palette/", {"q": text})
        assert answer["Content-Type"] == "application/json"
        return {(one["kind"], one["label"]) for one in answer.json()["results"]}

    assert ("Page", "Requests") in found("bob", "")
    assert ("Page", "Audit") not in found("bob", "")
    assert found("alice", "semantic") == {("Project", "Semantic search")}
    assert found("bob", "semantic") == set()
    assert found("mallory", "semantic") == set()
    assert ("Key", "bob's key") in found("bob", "bob")
    assert found("alice", endings.keys["search"].prefix) == {("Key", "production")}
    assert ("Model", "gpt-4o") in found("alice", "gpt-4o")
    assert ("Provider", "Google Gemini") in found("alice", "gemini")
    assert ("Team", "Support") in found("alice", "supp")
    assert ("Request", "refused") in found("alice", "refused")
    assert found("dave", "refused") == set()
    assert found("alice", "\0") == found("alice", "")


def test_shortcuts_are_switched_off_and_on(company: Company, sign_in: SignIn) -> None:
    client = sign_in("alice")
    assert 'data-shortcuts="on"' in page_of(client)

    assert client.post("/admin/shortcuts/", {}).status_code == 204
    assert 'data-shortcuts="off"' in page_of(client)
    assert client.post("/admin/shortcuts/", {"enabled": "1"}).status_code == 204
    assert 'data-shortcuts="on"' in page_of(client)
    assert client.get("/admin/shortcuts/").status_code == 405
