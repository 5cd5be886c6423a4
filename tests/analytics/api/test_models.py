"""Models one by one, and models and providers compared like for like, from the ledger to the answer."""

import uuid
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection

from analytics.answers.samples import PER_SLICE, read_samples
from analytics.compare import Sample
from gateway.models import LedgerLine, QualityScore
from tests.analytics.api.conftest import DAY, URL, Ask, at, book, window
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

SPAN = {"start": at(0, 0, 1).isoformat(), "end": at(0, 0, 2).isoformat()}


@pytest.fixture
def contest(company: Acme) -> Acme:
    """Forty small and forty large requests of two models at two providers: `mini` costs half and takes twice as long;
    one in eight of `large` fails."""
    lines: list[dict[str, Any]] = []
    for i in range(80):
        size = {"input_tokens": 100 if i < 40 else 8_000, "output_tokens": 50}
        price = Decimal(1 + i % 3) * (1 if i < 40 else 10) / 100
        fails = i % 8 == 7
        failed = {"status": "upstream_error", "http_status": 503, "error_type": "upstream_503"} if fails else {}
        lines += [
            line(company, at=DAY + timedelta(minutes=10 * i), model_served="large", provider="one", cost=price,
                 duration_ms=500.0 + i % 5, **size, **failed),
            line(company, at=DAY + timedelta(minutes=10 * i, seconds=30), model_served="mini", provider="two",
                 cost=price / 2, duration_ms=1_000.0 + i % 5, **size),
        ]  # fmt: skip
    book(*lines)
    return company


def of(body: Any, metric: str) -> Any:
    return next(pair for pair in body["pairs"] if pair["metric"] == metric)


def test_models_like_for_like(ask: Ask, contest: Acme) -> None:
    body = ask("owner", "analytics/models/compare", models=["large", "mini"])

    assert [(row["id"], row["measures"]["requests"], row["sampled"]) for row in body["rows"]] == [
        ("large", 80, 80), ("mini", 80, 80),
    ]  # fmt: skip
    cost, speed = of(body, "cost"), of(body, "speed")
    # the failed tenth of `large` moves its mean by what those ten requests cost: exact is 35 of 40 in each band
    assert (cost["verdict"], speed["verdict"]) == ("worse", "better")
    assert cost["interval"]["lower"] > 0
    assert cost["difference"] == pytest.approx(1.0, abs=0.06)
    assert speed["difference"] == pytest.approx(502 / 1002 - 1, abs=0.001)
    assert of(body, "reliability")["difference"] == pytest.approx(0.125)
    assert of(body, "reliability")["verdict"] == "worse"
    assert of(body, "quality") == {
        "a": "large", "b": "mini", "metric": "quality", "difference": None, "interval": None, "verdict": "cannot_tell",
        "shared": 0.0, "reason": "one of them has nothing measured",
    }  # fmt: skip
    assert {best["use_case"]: best["id"] for best in body["best_for"]} == {
        "lowest_cost": "mini", "fastest_answers": "large", "most_reliable": "mini", "highest_quality": None,
    }  # fmt: skip
    assert body["rows"][1]["strengths"] == ["cheaper than the other", "more reliable than the other"]
    assert {"sampled", "no_scores"} <= {note["code"] for note in body["notes"]}


def test_scores_are_compared_when_there_are_some(ask: Ask, contest: Acme) -> None:
    for row in LedgerLine.objects.all():
        score = "0.9" if row.model_served == "large" else "0.5"
        QualityScore.objects.create(
            organization=row.organization, project=row.project, request_id=row.request_id, name="helpful",
            source="user", score=Decimal(score), line=row.pk[2] if isinstance(row.pk, tuple) else row.id,
            line_started_at=row.started_at, user=row.user,
        )  # fmt: skip

    quality = of(ask("owner", "analytics/models/compare", models=["large", "mini"]), "quality")

    assert (quality["verdict"], quality["difference"]) == ("better", pytest.approx(0.4))


def test_providers_of_the_same_model_or_not(ask: Ask, contest: Acme) -> None:
    loose = ask("owner", "analytics/providers/compare")
    strict = ask("owner", "analytics/providers/compare", same_model=True)

    assert [row["id"] for row in loose["rows"]] == ["one", "two"]
    assert of(loose, "cost")["verdict"] == "worse"
    assert "different_models" in [note["code"] for note in loose["notes"]]
    assert (of(strict, "cost")["verdict"], of(strict, "cost")["shared"]) == ("cannot_tell", 0.0)
    assert strict["stratified_by"][-1] == "model served"


def test_what_is_not_seen_is_not_compared(ask: Ask, contest: Acme) -> None:
    carol = ask("analyst", "analytics/models/compare", models=["large", "mini"])
    other_project = ask("owner", "analytics/models/compare", project=str(contest.banner.pk))

    assert [row["sampled"] for row in carol["rows"]] == [80, 80]
    assert (other_project["rows"], other_project["pairs"]) == ([], [])
    assert "too_few_candidates" in [note["code"] for note in other_project["notes"]]


def test_the_own_requests_alone(ask: Ask, contest: Acme) -> None:
    book(*(line(contest, at=at(5, i), model_served="large", user=contest.people["alice"].pk) for i in range(10)))

    assert ask("developer", "analytics/models/compare", models=["large", "mini"])["rows"][0]["sampled"] == 80
    assert ask("owner", "analytics/models/compare", models=["large", "mini"])["rows"][0]["sampled"] == 90


def test_a_slice_is_sampled_at_random_and_always_the_same(ask: Ask, company: Acme) -> None:
    """Half an hour's requests at one cent, then as many at three: the first ones of the slice cost one cent alone."""
    lines = [
        line(company, at=DAY + timedelta(seconds=6 * i), model_served=name, cost=Decimal(1 if i < 300 else 3) / 100,
             id=_id(i, name), input_tokens=100, output_tokens=50, duration_ms=500.0)
        for i in range(600) for name in ("large", "mini")
    ]  # fmt: skip
    book(*lines)
    samples = [read(company) for _ in range(2)]

    costs = samples[0][0].cost
    assert len(costs) == PER_SLICE
    assert 0.35 < float((costs == 0.03).mean()) < 0.65
    assert [one.cost.tolist() for one in samples[1]] == [one.cost.tolist() for one in samples[0]]
    found = ask("owner", "analytics/models/compare", models=["large", "mini"])
    assert of(found, "cost")["verdict"] == "cannot_tell"
    assert ask("owner", "analytics/models/compare", models=["large", "mini"])["pairs"] == found["pairs"]


def read(company: Acme) -> list[Sample]:
    return read_samples(
        company.people["alice"], company.organization, "model", ["large", "mini"], start=DAY,
        end=DAY + timedelta(days=16),
    )  # fmt: skip


def test_who_is_drawn_hangs_on_the_id_and_not_on_when_it_came(company: Acme) -> None:
    ids = [_id(i, "large") for i in range(400)]
    book(*(line(company, at=DAY + timedelta(seconds=6 * i), model_served="large", cost=Decimal(i) / 100, id=id)
           for i, id in enumerate(ids)))  # fmt: skip

    drawn = sorted(read(company)[0].cost.tolist())

    assert drawn == sorted(ids.index(id) / 100 for id in sorted(ids, key=_hash)[:PER_SLICE])


def _id(i: int, name: str) -> uuid.UUID:
    """UUIDv7 of the line's time, the same in every run."""
    ms = int((DAY + timedelta(seconds=6 * i)).timestamp() * 1000)
    return uuid.UUID(int=ms << 80 | 7 << 76 | 2 << 62 | Random(f"{name} {i}").getrandbits(62))


def _hash(id: uuid.UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuid_hash_extended(%s, 7)", [id])
        return int(cursor.fetchone()[0])


def test_one_alone_is_refused(caller: Caller, contest: Acme) -> None:
    response = caller("owner").post(f"{URL}/analytics/models/compare", {**window(), "models": ["large", "large"]})

    assert (response.status_code, response.json()["code"]) == (400, "too_few_candidates")


def test_models_by_hand(ask: Ask, busy: Acme) -> None:
    body = ask("owner", "analytics/models", **SPAN)

    found = {model["model"]: model for model in body["models"]}
    # 11 March: gpt-4o 1 cancelled and 1 cache hit, mini 1; the day before gpt-4o 3 and mini 1
    assert {name: one["measures"]["requests"] for name, one in found.items()} == {"gpt-4o": 2, "mini": 1}
    assert found["gpt-4o"]["trend"]["change"]["requests"] == pytest.approx(-1 / 3)
    assert (found["gpt-4o"]["trend"]["direction"], found["mini"]["trend"]["direction"]) == ("down", "flat")
    assert (found["gpt-4o"]["ranks"]["speed"], found["mini"]["ranks"]["speed"]) == (1, 2)
    assert (found["gpt-4o"]["ranks"]["cost"], found["mini"]["ranks"]["cost"]) == (1, 2)
    assert found["mini"]["ranks"]["quality"] is None
    assert found["mini"]["share"] == pytest.approx(1 / 3)


def test_one_model_by_hand(ask: Ask, busy: Acme) -> None:
    body = ask("owner", "analytics/models/mini", "get", **window())

    assert body["subject"] == {"id": None, "name": "mini"}
    assert (body["totals"]["requests"], body["totals"]["cost"]) == (2, "1.0035000000")
    assert {group["dimensions"]["provider"] for group in body["by_provider"]} == {"other", "upstream"}
    assert (body["ranked_among"], body["ranks"]["quality"], body["trend"]) == (3, None, None)


def test_named_models_alone(ask: Ask, busy: Acme) -> None:
    body = ask("owner", "analytics/models", models=["mini"])

    assert [model["model"] for model in body["models"]] == ["mini"]
