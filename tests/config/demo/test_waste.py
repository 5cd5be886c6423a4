"""What is planted, how it is undone call by call, and that the truth list is about the lines that are there."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from config.demo import calls as c
from config.demo import waste
from config.demo.calls import Calls
from config.demo.company import MODEL_NAMES, Company
from config.demo.rows import day_lines
from config.demo.story import Calendar
from config.demo.truth import planted
from config.demo.waste import plants, workloads_of
from config.demo.workloads import WORKLOADS
from costs.pricing import default_book, price_with
from costs.savings.proposals import Category
from gateway.ledger.schema import COLUMNS

UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
SOUND = {workload.project: workload for workload in WORKLOADS}
SECOND, HOUR = 1_000, 3_600_000
FLOATS = ("duration", "ttft")


def company(seed: int = 7, *, clean: bool = False) -> Company:
    return Company("demo", seed, Calendar(UNTIL), clean)


def calls(count: int, **columns: Any) -> Calls:
    """Answered calls of 8,000 in and 100 out that took a second; `columns` replace theirs."""
    usual: dict[str, Any] = {
        "served": 0, "final": True, "stream": False, "attempt": 1, "input": 8_000, "output": 100, "duration": 1_000.0,
        "hmac": np.arange(count) + 1, "status": c.OK, "finish": c.STOP,
    }  # fmt: skip
    return Calls(**{
        name: np.broadcast_to(np.asarray((usual | columns).get(name, 0)), count).astype(
            float if name in FLOATS else bool if name in ("final", "stream") else np.int64
        ).copy()
        for name in Calls.__slots__
    })  # fmt: skip


def test_a_question_is_asked_once_an_hour_and_anew_after_an_answer_that_was_cut_off():
    asked = calls(
        6, hmac=[1, 1, 1, 2, 3, 3], ms=[0, HOUR, HOUR + 2 * SECOND, 0, 0, 5 * SECOND],
        finish=[c.STOP, c.STOP, c.STOP, c.STOP, c.LENGTH, c.STOP],
    )  # fmt: skip

    kept = waste.once(asked, SOUND["translation"])

    # the second within the hour after the first was complete, the third behind it
    assert kept.input.tolist() == [8_000, 0, 8_000, 8_000, 8_000, 8_000]
    assert kept.output.tolist() == [100, 0, 100, 100, 100, 100]


def test_streams_and_whole_answers_are_kept_apart():
    asked = calls(2, hmac=[1, 1], ms=[0, SECOND], stream=[True, False])

    assert waste.once(asked, SOUND["translation"]).output.tolist() == [100, 100]


def test_the_start_of_a_prompt_is_written_and_read_while_it_is_warm():
    sent = calls(4, ms=[0, 300 * SECOND, 601 * SECOND, 602 * SECOND], status=[c.OK, c.OK, c.OK, c.TIMEOUT])

    cached = waste.read_from_cache(sent, SOUND["answer-search"])

    assert cached.written.tolist() == [6_144, 0, 6_144, 0]
    assert cached.cached.tolist() == [0, 6_144, 0, 0]


def test_the_other_remedies():
    long = calls(2, output=[16_384, 700], input=[210_000, 199_000], reasoning=[1_000, 0])
    tried = calls(3, final=[False, True, True], status=[c.TIMEOUT, c.TIMEOUT, c.OK])

    assert waste.ended_in_time(long, SOUND["voice-of-customer"]).output.tolist() == [2_560, 700]
    assert waste.within(200_000, long, SOUND["tender-review"]).input.tolist() == [200_000, 199_000]
    less = waste.thought_less(0.4, long, SOUND["parts-matching"])
    assert (less.reasoning.tolist(), less.output.tolist()) == ([400, 0], [15_784, 700])
    assert waste.not_made_twice(tried, SOUND["code-review"]).input.tolist() == [0, 8_000, 8_000]
    assert waste.not_failed(tried, SOUND["site-survey"]).input.tolist() == [8_000, 0, 8_000]
    unserved = calls(2, served=[c.NONE, 0])
    assert waste.served_by("gpt-5.4-mini", unserved, SOUND["ticket-triage"]).served.tolist() == [
        c.NONE, MODEL_NAMES.index("gpt-5.4-mini"),
    ]  # fmt: skip


def test_every_plant_changes_its_project_and_a_clean_company_has_none():
    wasteful = {workload.project for workload in workloads_of(company()) if workload != SOUND[workload.project]}

    # the retry storm is an event of the story, not of the workload
    assert wasteful | {"fleet-telemetry"} == {plant.project for plant in plants(7)}
    assert workloads_of(company(clean=True)) == WORKLOADS
    assert {remedy.category for plant in plants(7) for remedy in plant.remedies} == set(Category) - {
        Category.IDLE_KEYS, Category.UNUSED_COMMITMENT, Category.OVERSIZED_COMMITMENT,
    }  # fmt: skip
    assert planted(company(clean=True), [6]) == []


def test_seeds_differ_in_how_much_is_wasted():
    shares = {plants(seed)[9].changes["paid_retries"] for seed in range(5)}

    assert len(shares) == 5
    assert all(0.11 * 0.8 <= share <= 0.11 * 1.2 for share in shares)


@pytest.fixture(scope="module")
def day() -> dict[str, dict[str, str]]:
    """Lines of a Monday by id."""
    return {line["id"]: line for line in map(_parsed, day_lines(company(), 6).rows)}


def test_the_truth_is_about_lines_that_are_there(day):
    found = planted(company(), [6])

    assert len(found) == 15
    assert [one.saving for one in found] == sorted((one.saving for one in found), reverse=True)
    for one in [one for one in found if one.project]:
        mine = [day[f"{high:016x}{low:016x}"] for high, low in one.ids.tolist()]
        assert len(mine) == len(one.ids) > 0
        assert {line["project"] for line in mine} == {str(company().project(one.project))}
        assert {line["provider"] for line in mine} == {one.provider}
        assert {line["model_served"] for line in mine} == {one.model}
        assert {line["endpoint"] for line in mine} == {one.endpoint}
        assert sum(Decimal(line["cost"]) for line in mine) == Decimal(one.cost).scaleb(-10)
        assert 0 < one.saving <= one.cost


def test_the_truth_of_commitments_is_what_their_units_cost():
    committed = {one.model: one for one in planted(company(), [6]) if not one.project}

    # four units at 0.06 an hour, of which one is needed; 90 a month of 31 days
    assert {model: (one.category, one.cost, one.saving) for model, one in committed.items()} == {
        "gpt-4.1": (Category.OVERSIZED_COMMITMENT, 57_600_000_000, 43_200_000_000),
        "ministral-8b-2512": (Category.UNUSED_COMMITMENT, 29_032_258_064, 29_032_258_064),
    }


def test_calls_that_a_commitment_covers_cost_nothing_more(day):
    picking = [line for line in day.values() if line["project"] == str(company().project("voice-picking"))
               and line["kind"] == "attempt" and line["status"] == "ok"]  # fmt: skip

    assert len(picking) > 50
    assert {Decimal(line["cost"]) for line in picking} == {0}
    assert all(Decimal(line["list_cost"]) > 0 for line in picking)
    assert not any(line["kind"] == "commitment" for line in map(_parsed, day_lines(company(clean=True), 6).rows))


def _parsed(row: str) -> dict[str, str]:
    return dict(zip(COLUMNS, row.rstrip("\n").split("\t"), strict=True))


def test_the_saving_of_a_smaller_model_is_what_the_price_list_says(day):
    (one,) = [one for one in planted(company(), [6]) if one.category == Category.CHEAPER_MODEL]
    card = default_book().resolve("openai", "gpt-5.4-mini", datetime(2026, 10, 27, tzinfo=UTC))
    assert card is not None
    triage = [line for line in day.values() if line["project"] == str(company().project("ticket-triage"))]
    usages = [{name: int(line[name]) for name in ("input_tokens", "output_tokens")} for line in triage]
    there = sum((price_with(card, usage).total or 0 for usage in usages), Decimal(0))

    assert Decimal(one.saving).scaleb(-10) == sum(Decimal(line["cost"]) for line in triage) - there


def test_the_saving_of_a_batch_is_half_of_what_is_left(day):
    by_category = {one.category: one for one in planted(company(), [6]) if one.project == "contract-extraction"}
    night = [line for line in day.values() if line["project"] == str(company().project("contract-extraction"))]
    spent = sum(Decimal(line["cost"]) for line in night)
    kept = spent - Decimal(by_category[Category.DUPLICATE_CACHING].saving).scaleb(-10)

    assert Decimal(by_category[Category.BATCH].saving).scaleb(-10) == pytest.approx(kept / 2, abs=Decimal("1e-6"))


def test_prompts_above_the_bound_pay_more_for_every_token(day):
    tenders = [line for line in day.values() if line["project"] == str(company().project("tender-review"))]
    long, short = ([line for line in tenders if (int(line["input_tokens"]) > 200_000) is above]
                   for above in (True, False))  # fmt: skip
    prices = [
        {(charge["meter"], charge["unit_price"]) for line in part for charge in json.loads(line["charges"])}
        for part in (long, short)
    ]

    assert prices == [
        {("input", "0.0000025"), ("output", "0.000015")}, {("input", "0.00000125"), ("output", "0.000010")},
    ]  # fmt: skip
