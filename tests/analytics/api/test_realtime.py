"""Real time: the last minutes by hand, running calls of the keys one sees, the newest requests, and who sees what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.answers import realtime
from analytics.answers.questions import Questions
from gateway.models import Heartbeat, LedgerLine, User
from tests.analytics.api.conftest import URL, Ask, book
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

REALTIME = f"{URL}/admin/dashboard/realtime"
Ago = Callable[..., datetime]


@pytest.fixture
def ago(monkeypatch: pytest.MonkeyPatch) -> Ago:
    """Times before the endpoints' clock, which stands 40 seconds into a minute that lies in a quarter-hour's middle."""
    real = datetime.now(UTC) - timedelta(minutes=16)
    at = real.replace(minute=real.minute // 15 * 15 + 7, second=40, microsecond=0)
    monkeypatch.setattr(timezone, "now", lambda: at)
    return lambda **past: at - timedelta(**past)


@pytest.fixture
def recent(company: Acme, ago: Ago) -> Acme:
    """Five requests of the last five minutes, one before, and a denial."""
    ads: dict[str, Any] = {"project": company.banner}
    book(
        line(company, at=ago(seconds=5), duration_ms=100.0, request_id="newest"),
        line(company, at=ago(minutes=1), duration_ms=200.0),
        line(company, at=ago(minutes=2), duration_ms=300.0, status="timeout", http_status=504, error_type="timeout"),
        line(company, at=ago(minutes=2), duration_ms=10.0, is_final=False, status="timeout"),
        line(company, at=ago(minutes=3), duration_ms=400.0, **ads),
        line(company, at=ago(minutes=4), kind="cache_hit", duration_ms=5.0, cost=0, cache_status="hit", charges=[],
             price_status="free", input_tokens=0, output_tokens=0, **ads),
        line(company, at=ago(minutes=4), kind="denied", status="denied", http_status=429, error_type="rate_limited",
             cost=0, charges=[], price_status="free", input_tokens=0, output_tokens=0, provider=None),
        line(company, at=ago(minutes=9), duration_ms=9000.0),
    )  # fmt: skip
    return company


def beat(at: datetime, name: str = "dataplane:one", **info: Any) -> None:
    Heartbeat.objects.create(name=name, at=at, info=info)


def test_the_last_minutes_by_hand(ask: Ask, recent: Acme, ago: Ago) -> None:
    body = ask("owner", "admin/dashboard/realtime", "get")

    minutes = 6  # the endpoint's clock is behind: its last minute is over
    assert body["requests_per_minute"] == pytest.approx(5 / minutes)
    assert body["tokens_per_minute"] == pytest.approx(5 * 1100 / minutes)  # the attempt that was repeated counts too
    assert body["error_rate"] == pytest.approx(1 / 5)
    assert [body[name] for name in ("latency_p50", "latency_p95", "latency_p99", "ttft_p95")] == [
        pytest.approx(value, rel=0.01) for value in (200, 400, 400, 200)
    ]
    assert [point["measures"]["requests"] for point in body["series"]] == [0, 1, 1, 1, 1, 1]
    assert body["resources"]["cache_hit_rate"] == pytest.approx(1 / 5)
    assert (body["alerts"], body["start"]) == ([], f"{ago(minutes=5, seconds=40):%Y-%m-%dT%H:%M:%SZ}")


def test_the_newest_requests_first(ask: Ask, recent: Acme) -> None:
    shown = ask("owner", "admin/dashboard/realtime", "get")["recent_activity"]

    assert sorted(item["kind"] for item in shown) == [*["attempt"] * 5, "cache_hit", "denied"]
    assert [item["at"] for item in shown] == sorted((item["at"] for item in shown), reverse=True)
    assert (shown[0]["request_id"], shown[0]["cost"], shown[0]["duration_ms"]) == ("newest", "0.0035000000", 100.0)
    assert len(shown) == 7


def test_running_calls_are_of_the_keys_one_sees(ask: Ask, recent: Acme, ago: Ago) -> None:
    bob, ads = str(recent.keys["bob"].pk), str(recent.keys["ads"].pk)
    foreign = "0192f0c4-0000-7000-8000-000000000000"
    beat(ago(seconds=1), active_keys={bob: 3, ads: 2, foreign: 50})
    beat(ago(seconds=2), "dataplane:two", active_keys={bob: 1})
    beat(ago(seconds=16), "dataplane:gone", active_keys={bob: 100})

    def active(role: str, **fields: Any) -> Any:
        return ask(role, "admin/dashboard/realtime", "get", **fields)["active_requests"]

    assert [active(role) for role in ("owner", "manager", "developer", "mallory")] == [6, 4, 4, 0]
    assert active("owner", user_id=recent.people["bob"].pk) == 4
    assert active("owner", user_id=recent.people["carol"].pk) == 0


def test_resources_are_added_up(ask: Ask, recent: Acme, ago: Ago) -> None:
    for name, cpu, network in (("one", 10.5, None), ("two", 20.0, 900.0)):
        taken = {"cpu_percent": cpu, "rss_bytes": 1000, "network_in_bps": network, "network_out_bps": None}
        beat(ago(seconds=1), f"dataplane:{name}", resources=taken, spool_bytes=10, active_keys={})
    beat(ago(seconds=2), "writer", lag_s=0.5)

    body = ask("owner", "admin/dashboard/realtime", "get")

    assert body["active_requests"] == 0
    assert body["resources"] == {
        "cpu_percent": 30.5, "rss_bytes": 2000, "network_in_bps": 900.0, "network_out_bps": None, "spool_bytes": 20,
        "cache_hit_rate": pytest.approx(0.2), "queue_depth": 0, "ledger_lag_s": pytest.approx(2.5),
    }  # fmt: skip


def test_what_nobody_reports_is_null(ask: Ask, company: Acme) -> None:
    body = ask("owner", "admin/dashboard/realtime", "get")

    assert (body["active_requests"], body["latency_p95"], body["resources"]["rss_bytes"]) == (None, None, None)
    assert (body["requests_per_minute"], body["error_rate"], body["recent_activity"]) == (0.0, None, [])
    assert "no_data_plane" in [note["code"] for note in body["notes"]]


def test_narrow_views_take_the_quarter_hours(ask: Ask, recent: Acme) -> None:
    developer = ask("developer", "admin/dashboard/realtime", "get")
    bob = ask("owner", "admin/dashboard/realtime", "get", user_id=recent.people["bob"].pk)

    for body in (developer, bob):
        assert body["error_rate"] == pytest.approx(1 / 4)
        assert "coarser_window" in [note["code"] for note in body["notes"]]
        assert {item["user"] for item in body["recent_activity"]} == {str(recent.people["bob"].pk)}
    assert developer["latency_p99"] == pytest.approx(9000, rel=0.01)


def test_a_person_out_of_sight_does_not_exist(caller: Caller, company: Acme) -> None:
    assert caller("developer").get(REALTIME, {"user_id": company.people["carol"].pk}).status_code == 404
    assert caller("owner").get(REALTIME, {"user_id": company.people["mallory"].pk}).status_code == 404
    assert caller("owner").get(REALTIME, {"user_id": "x"}).json()["errors"][0]["field"] == "user_id"


def test_a_booked_request_is_in_the_next_answer(caller: Caller, company: Acme) -> None:
    client = caller("owner")
    before = client.get(REALTIME)

    book(line(company, at=datetime.now(UTC) - timedelta(seconds=1), request_id="just-now"))
    after = client.get(REALTIME, headers={"If-None-Match": before["ETag"]})

    assert (before["Cache-Control"], after.status_code) == ("private, max-age=2", 200)
    assert [item["request_id"] for item in after.json()["recent_activity"]] == ["just-now"]
    assert after.json()["requests_per_minute"] > before.json()["requests_per_minute"] == 0


def test_the_one_read_of_the_ledger_is_bounded(
    caller: Caller, recent: Acme, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:  # fmt: skip
    client = caller("owner")

    with django_assert_max_num_queries(16) as first:
        assert client.get(REALTIME).status_code == 200
    with django_assert_max_num_queries(10) as second:
        assert client.get(REALTIME).status_code == 200

    reads = [q["sql"] for q in first.captured_queries if LedgerLine._meta.db_table in q["sql"]]
    assert len(reads) == 1
    assert "LIMIT 20" in reads[0]
    assert len(second.captured_queries) < len(first.captured_queries)


@pytest.mark.parametrize("person", ["alice", "dave", "bob"])
def test_recent_requests_are_found_by_the_index(recent: Acme, person: str) -> None:
    user = User.objects.get(pk=recent.people[person].pk)
    lines = realtime.recent_lines(Questions(user, recent.organization), timezone.now())

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    plan = lines.explain()

    assert "Seq Scan on gateway_ledgerline" not in plan
    assert "Index Cond: ((organization = " in plan
    assert "(started_at >= " in plan
