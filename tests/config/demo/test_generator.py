"""The demo's lines alone: deterministic, priced as the pricer prices, telling the whole story."""

import hashlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from config.demo import story
from config.demo.calls import NONE
from config.demo.company import MODELS, PEOPLE, PROJECTS, PROVIDERS, TEAMS, UNUSED_KEYS, Company
from config.demo.documents import sha_of
from config.demo.libraries import header
from config.demo.prices import book_of, half_even
from config.demo.rows import calls_of, day_lines
from config.demo.story import Calendar
from config.demo.waste import workloads_of
from config.demo.workloads import EMBEDDINGS, WORKLOADS
from costs.pricer import BookPricer
from gateway.ledger.ids import ledger_shard, ms_of
from gateway.ledger.schema import COLUMNS

ROOT = Path(__file__).resolve().parents[3]
UNTIL = datetime(2026, 11, 2, tzinfo=UTC)  # the last day is a Sunday
NAMES = list(COLUMNS)


def company(seed: int = 7, until: datetime = UNTIL, slug: str = "demo") -> Company:
    return Company(slug, seed, Calendar(until))


def parse(row: str) -> dict[str, str | None]:
    values = row.rstrip("\n").split("\t")
    assert len(values) == len(NAMES)
    return {name: None if value == "\\N" else value for name, value in zip(NAMES, values, strict=True)}


@cache
def lines(before: int) -> list[dict]:
    return [parse(row) for row in day_lines(company(), before).rows]


def of(before: int, project: str) -> list[dict]:
    identity = str(company().project(project))
    return [line for line in lines(before) if line["project"] == identity]


def digest(before: int, **changes: object) -> str:
    return hashlib.sha256("".join(day_lines(company(**changes), before).rows).encode()).hexdigest()


def test_the_company():
    keys = company().keys

    assert (len(TEAMS), len(PROJECTS), len(keys), len(MODELS), len(PROVIDERS)) == (5, 17, 45, 12, 6)
    assert {role for _, role, _ in PEOPLE} == {"owner", "admin", "manager", "analyst", "developer"}
    assert len({company().key(key) for key in keys}) == 45
    assert sum(not key.is_used for key in keys) == len(UNUSED_KEYS) == 5


def test_a_day_is_the_same_in_another_process_and_in_any_order():
    code = (
        "from datetime import UTC, datetime; import hashlib;"
        "from config.demo.company import Company; from config.demo.rows import day_lines;"
        "from config.demo.story import Calendar;"
        "c = Company('demo', 7, Calendar(datetime(2026, 11, 2, tzinfo=UTC)));"
        "print(*(hashlib.sha256(''.join(day_lines(c, d).rows).encode()).hexdigest() for d in (23, 5, 40)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"},
    )  # fmt: skip

    assert other.stdout.split() == [digest(40), digest(5), digest(23)][::-1]


def test_seed_end_and_slug_make_another_company():
    assert (
        len({digest(3), digest(3, seed=8), digest(3, until=datetime(2026, 11, 3, tzinfo=UTC)), digest(3, slug="x")})
        == 4
    )


def test_an_end_within_the_day_cuts_it_and_changes_nothing_before():
    whole = day_lines(company(until=datetime(2026, 11, 3, tzinfo=UTC)), 0)
    part = day_lines(company(until=datetime(2026, 11, 2, 15, 15, tzinfo=UTC)), 0)

    cut = ms_of(datetime(2026, 11, 2, 15, 15, tzinfo=UTC))
    assert 0 < len(part.rows) < len(whole.rows)
    assert int(part.ms.max()) < cut
    assert set(part.rows) <= set(whole.rows)
    # a commitment's day is booked when it is over
    late = [
        int(ms)
        for ms, row in zip(whole.ms, whole.rows, strict=True)
        if row not in set(part.rows) and parse(row)["kind"] != "commitment"
    ]
    assert min(late) >= cut - 10_000  # attempts before a final one that starts behind the end


@pytest.mark.parametrize("before", [0, story.RUNAWAY, story.OUTAGE, story.RETRY_STORM[1], 80])
def test_lines_are_whole_and_in_order(before):
    calendar = company().calendar
    start, end = ms_of(calendar.midnight(before)), ms_of(calendar.midnight(before - 1))
    drawn = day_lines(company(), before)

    assert len(drawn.rows) == len({row[:32] for row in drawn.rows})
    assert bool((np.diff(drawn.ms) >= 0).all())
    assert start <= drawn.ms.min() <= drawn.ms.max() < end
    finals = Counter(line["request_id"] for line in lines(before) if line["is_final"] == "t")
    assert set(finals.values()) == {1}
    assert {line["request_id"] for line in lines(before) if line["kind"] != "commitment"} == set(finals)
    for line, ms in zip(lines(before), drawn.ms.tolist(), strict=True):
        assert int(line["id"][:12], 16) == ms == ms_of(datetime.fromisoformat(line["started_at"]))
        assert line["id"][12] == "7"
        assert int(line["ledger_shard"]) == ledger_shard(line["organization"], line["project"])
        assert line["booked_at"] > line["started_at"]


@pytest.mark.parametrize("before", [story.PRICE_CHANGE + 1, story.PRICE_CHANGE, story.RUNAWAY, story.OUTAGE])
def test_prices_are_the_pricers(before):
    pricer = BookPricer()
    pricer.book = book_of(company())
    seen = Counter()
    few = [line for line in lines(before) if line["project"] == str(company().project("tender-review"))]
    for line in [line for line in [*lines(before)[::17], *few] if line["kind"] != "commitment"]:
        usage = {name: int(line[name]) for name in NAMES if name.endswith("_tokens") and name != "max_tokens"}
        if not any(usage.values()):
            assert (Decimal(line["cost"]), line["price_status"], line["charges"]) == (0, "free", "[]")
            continue
        price_list = PROVIDERS[line["provider"]][2]
        priced = pricer.price(
            usage, price_list=price_list, model=line["model_served"], at=datetime.fromisoformat(line["started_at"]),
            organization=line["organization"], context={}, served_by=line["provider"],
        )  # fmt: skip
        seen[line["model_served"]] += 1
        assert json.loads(line["charges"]) == priced["charges"]
        assert Decimal(line["cost"]) == Decimal(priced["cost"]) == sum(Decimal(c["cost"]) for c in priced["charges"])
        assert Decimal(line["list_cost"]) == Decimal(priced["list_cost"])
        assert (line["price_status"], line["currency"]) == (priced["price_status"], priced["currency"])
    assert set(seen) == set(MODELS) - {"deepseek.r1-v1:0"}  # where the other host would be


def test_rounding_is_half_even():
    exact = np.array([0, 4_999, 5_000, 5_001, 15_000, 25_000, 25_001], dtype=np.int64)

    assert half_even(exact).tolist() == [0, 0, 0, 1, 2, 2, 3]


def test_spend_is_what_the_lines_cost():
    drawn, spent = day_lines(company(), story.RUNAWAY), defaultdict(Decimal)
    for line in lines(story.RUNAWAY):
        if line["kind"] != "commitment":
            spent[line["api_key"]] += Decimal(line["cost"])

    keys = company().keys
    assert {str(company().key(keys[index])): entry.cost for index, entry in drawn.spend.items()} == {
        key: int(cost * 10**10) for key, cost in spent.items()
    }


# ---- the story -----------------------------------------------------------------------------------------------------
def test_volume_grows_and_weekends_are_quiet():
    monday, sunday = len(lines(6)), len(lines(0))
    long_ago = len(lines(83))

    assert 0.45 < sunday / monday < 0.65
    assert 0.5 < long_ago / monday < 0.62  # exp(-0.0075 x 77) = 0.56


def test_the_outage_and_its_fallback():
    window = [line for line in lines(story.OUTAGE) if "13:05" <= line["started_at"][11:16] < "15:49"]
    openai = [line for line in window if line["is_final"] == "t" and line["endpoint"] == EMBEDDINGS]
    routed = [line for line in window if line["route"] == "support-chat" and line["is_final"] == "t"]

    failed = sum(line["status"] == "upstream_error" for line in openai) / len(openai)
    fallen_back = [line for line in routed if line["model_served"] == "mistral-large-2512"]
    assert 0.75 < failed < 0.95
    assert 0.75 < len(fallen_back) / len(routed) < 0.95
    assert all(json.loads(line["route_decision"])["attempt"] == 3 for line in fallen_back)


def test_the_price_change_is_sixteen_percent():
    def unit(before: int) -> str:
        line = next(line for line in of(before, "ticket-triage") if line["status"] == "ok")
        return json.loads(line["charges"])[0]["unit_price"]

    assert Decimal(unit(story.PRICE_CHANGE + 3)) == Decimal("0.0000025")
    assert Decimal(unit(story.PRICE_CHANGE - 3)) == Decimal("0.0000021")


def test_the_runaway_key():
    key = next(str(company().key(key)) for key in company().keys if key.name == "agent-sandbox")
    loop = [line for before in range(story.RUNAWAY, -1, -1) for line in lines(before) if line["api_key"] == key]

    assert len(loop) == pytest.approx(story.RUNAWAY_REQUESTS, abs=40)
    assert loop[-1]["started_at"] < company().calendar.revoked_at.isoformat()
    assert sum(Decimal(line["cost"]) for line in loop) > 250


def test_the_budget_is_passed_once_and_then_holds():
    key = next(str(company().key(key)) for key in company().keys if key.name == "pilot")
    pilot = [line for before in range(story.PILOT, -1, -1) for line in lines(before) if line["api_key"] == key]
    allowed = [line for line in pilot if line["kind"] == "attempt"]
    denied = [line for line in pilot if line["kind"] == "denied"]

    spent = sum(Decimal(line["cost"]) for line in allowed)
    assert spent >= story.PILOT_BUDGET > spent - Decimal(allowed[-1]["cost"])
    assert len(denied) > 100
    assert max(line["started_at"] for line in allowed) < min(line["started_at"] for line in denied)
    assert {(line["http_status"], line["error_type"], line["provider"]) for line in denied} == {
        ("402", "budget_exceeded", None)
    }


def test_the_silent_model_switch():
    assert {line["model_served"] for line in of(story.MODEL_SWITCH + 1, "support-assistant")} == {"gpt-5.4-mini"}
    after = of(story.MODEL_SWITCH, "support-assistant")
    assert {line["model_served"] for line in after} == {"gpt-4o-mini"}
    assert {line["model_requested"] for line in after} == {"support-chat"}
    assert {line["reasoning_tokens"] for line in after} == {"0"}


def share(lines_: list[dict], part: str, whole: str) -> float:
    return sum(int(line[part]) for line in lines_) / sum(int(line[whole]) for line in lines_)


def test_the_loss_of_cache():
    before, after = of(story.CACHE_LOSS + 4, "dev-copilot"), of(story.CACHE_LOSS - 3, "dev-copilot")

    assert share(before, "cache_read_tokens", "input_tokens") > 0.35
    assert share(after, "cache_read_tokens", "input_tokens") == 0
    assert len({line["prefix_hmacs"][:19] for line in before if line["status"] == "ok"}) == 1
    assert len({line["prefix_hmacs"][:19] for line in after if line["status"] == "ok"}) > 100


def test_the_waste():
    triage = [line for line in of(6, "ticket-triage") if line["status"] == "ok"]
    assert {line["model_served"] for line in triage} == {"gpt-5.4"}
    assert np.median([int(line["output_tokens"]) for line in triage]) <= 4

    search = [line for line in of(6, "docs-search") if line["status"] == "ok"]
    assert 1 - len({line["request_hmac"] for line in search}) / len(search) > 0.15

    copy = [line for line in of(6, "product-copy") if line["status"] == "ok" and line["kind"] == "attempt"]
    assert {line["max_tokens"] for line in copy} == {"16384"}
    assert max(int(line["output_tokens"]) for line in copy) < 3_000

    answers = [line for line in of(6, "answer-search") if line["status"] == "ok"]
    assert len({line["prefix_hmacs"][: 3 + 16 * 10] for line in answers}) == 1
    assert {line["cache_read_tokens"] for line in answers} == {"0"}

    batch = of(6, "contract-extraction")
    assert sum("01:00" <= line["started_at"][11:16] < "04:00" for line in batch) / len(batch) > 0.8

    digest_ = [line for line in of(6, "voice-of-customer") if line["status"] == "ok"]
    endless = [line for line in digest_ if line["output_tokens"] == "16384"]
    assert 0.05 < len(endless) / len(digest_) < 0.15
    assert {line["finish_reason"] for line in endless} == {"length"}
    assert {line["started_at"][11:13] for line in digest_} == {"05"}

    tenders = [line for line in of(6, "tender-review") if int(line["input_tokens"]) > 200_000]
    assert max(int(line["input_tokens"]) for line in tenders) <= 216_001
    assert {json.loads(line["charges"])[0]["unit_price"] for line in tenders} == {"0.0000025"}

    again = [line for line in of(6, "code-review") if line["is_final"] == "f" and Decimal(line["cost"]) > 0]
    assert {(line["status"], line["duration_ms"]) for line in again} == {("timeout", "20000.0")}
    failed = [line for line in of(6, "site-survey") if line["status"] == "timeout" and Decimal(line["cost"]) > 0]
    assert 0.1 < len(failed) / len(of(6, "site-survey")) < 0.35
    assert {line["output_tokens"] for line in failed} == {"0"}

    storm = [line for line in of(story.RETRY_STORM[1], "fleet-telemetry") if line["is_final"] == "f"]
    billed = [line for line in storm if line["status"] == "timeout"]
    assert len(billed) == 4 * 260
    assert all(Decimal(line["cost"]) > 0 for line in billed)


def test_repeated_requests_are_equally_long():
    search = [line for line in of(6, "docs-search") if line["status"] == "ok"]
    lengths = defaultdict(set)
    for line in search:
        lengths[line["request_hmac"]].add(line["input_tokens"])

    assert {len(found) for found in lengths.values()} == {1}
    assert len(lengths) < len(search)


def test_unused_keys_send_nothing():
    unused = {str(company().key(key)) for key in company().keys if not key.is_used}

    assert len(unused) == 5
    assert not any(line["api_key"] in unused for before in (0, 6, 40, 80) for line in lines(before))


def test_every_workload_is_used_and_no_index_is_left():
    assert {line["project"] for line in lines(6)} == {str(company().project(w.project)) for w in WORKLOADS}
    assert NONE == -1


@pytest.mark.slow
@pytest.mark.parametrize("weekday", range(7))
def test_ninety_days_are_four_hundred_thousand_lines(weekday):
    demo = company(until=datetime(2026, 11, 2 + weekday, 0, 15, tzinfo=UTC))

    assert sum(len(calls_of(demo, w, d)) for d in range(90) for w in workloads_of(demo)) >= 400_000


def test_own_sdks_say_what_their_header_says():
    storm = of(story.RETRY_STORM[1], "fleet-telemetry")

    assert {line["sdk"] for line in storm} == {"go/0.9.0"}
    assert json.loads(next(line["sdk_about"] for line in storm)) == {
        "runtime": "go-1.24", "os": "linux", "document": sha_of("0.9.0")[:12], "retry": 0,
    }  # fmt: skip
    evening = [line for line in storm if line["is_final"] == "t" and "19:00" <= line["started_at"][11:16] < "22:00"]
    assert sum(json.loads(line["sdk_about"])["retry"] == 4 for line in evening) == 260
    assert {line["sdk"] for line in of(40, "fleet-telemetry")} == {"go/0.8.0"}
    assert {json.loads(line["sdk_about"])["document"] for line in of(40, "fleet-telemetry")} == {sha_of("0.8.0")[:12]}
    assert {line["sdk_about"] for line in of(40, "dev-copilot")} == {None}


def test_repeats_of_a_route_are_not_the_clients():
    routed = replace(next(entry for entry in WORKLOADS if entry.route), sdk="typescript/0.9.0")

    said = header(routed, 3, 2, is_stream=True).decode()

    assert said == f"typescript/0.9.0; rt=node-22.11; os=linux; spec={sha_of('0.9.0')[:12]}; try=0; via=stream"
