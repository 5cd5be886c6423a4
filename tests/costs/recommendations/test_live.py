"""Applied recommendations on a running data plane: where calls go, what comes back when it is taken back, and what is
measured, beside figures reckoned from the ledger's own tokens."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from costs.models import Recommendation
from costs.recommendations import realized
from costs.recommendations.changes import name_of
from costs.savings.proposals import Category
from gateway.dataplane.routing.matcher import unit_of
from gateway.models import CachePolicy, Route, RouteTarget
from tests.costs.savings.conftest import conninfo, live  # noqa: F401
from tests.costs.savings.live import Call, Live, Run, chat, questions, text_of

pytestmark = pytest.mark.slow
MILLION = Decimal(1_000_000)


def offered(live: Live, *models: str) -> None:  # noqa: F811
    provider = live.stack.provider("openai")
    for name in models:
        live.stack.model(provider, name)
    live.stack.wait_until_current()


def served(answers: Any) -> list[str]:
    return [answer.headers["x-gateway-model"] for answer in answers]


def configured() -> list[Any]:
    """Everything that applying may change; times of the last change aside."""
    rows = [*Route.objects.order_by("pk").values(), *RouteTarget.objects.order_by("model").values("route", "model",
            "priority", "weight"), *CachePolicy.objects.order_by("pk").values()]  # fmt: skip
    return [{name: value for name, value in row.items() if name != "updated_at"} for row in rows]


def lines(live: Live, run: Run) -> list[dict[str, Any]]:  # noqa: F811
    with live.stack.connect() as connection:
        return connection.execute(
            "SELECT * FROM gateway_ledgerline WHERE organization = %s AND started_at >= %s AND started_at < %s "
            "ORDER BY started_at, id",
            [live.organization.pk, run.start, run.end],
        ).fetchall()


def measured(row: Recommendation, run: Run) -> realized.Realized:
    found = realized.measure(Recommendation.objects.get(pk=row.pk), now=run.end)
    assert found is not None
    return found


def test_the_calls_that_were_meant_move_and_come_back(live: Live) -> None:  # noqa: F811
    offered(live, "gpt-4o", "gpt-4o-mini")
    elsewhere = live.stack.project(str(live.organization.pk), "elsewhere")
    other, _ = live.stack.key(str(live.organization.pk), elsewhere)
    calls = [*questions(1, 60, "gpt-4o", max_tokens=40)]
    row = live.found(live.run(calls), Category.CHEAPER_MODEL)
    before = configured()

    row = live.apply(row)
    moved, stayed = live.run(calls), live.run(calls[:5], other)
    found = measured(row, moved)
    live.revert(row)
    back = live.run(calls[:5])

    assert (set(served(moved.answers)), set(served(stayed.answers)), set(served(back.answers))) == (
        {"gpt-4o-mini"}, {"gpt-4o"}, {"gpt-4o"}
    )  # fmt: skip
    assert configured() == before
    # OpenAI's list a million tokens: gpt-4o 2.50 and 10.00
    former = sum(
        (line["input_tokens"] * Decimal("2.50") + line["output_tokens"] * 10) / MILLION for line in lines(live, moved)
    )
    assert (found.method, found.lines, found.unpriced, found.amount) == ("moved", 60, 0, former - moved.cost)


def test_a_route_that_people_made_is_afterwards_what_it_was(live: Live) -> None:  # noqa: F811
    stack = live.stack
    provider = stack.provider("openai")
    models = [stack.model(provider, name) for name in ("gpt-4o", "gpt-4.1")]
    stack.model(provider, "gpt-4o-mini")
    tools = {"name": "tools", "when": {"tools": True}, "use": [{"model": "gpt-4.1"}]}
    stack.route("assistant", models, organization_id=str(live.organization.pk), retries=1,
                config=json.dumps({"rules": [tools]}))  # fmt: skip
    stack.wait_until_current()
    calls = [*questions(2, 60, "assistant", max_tokens=40)]
    row = live.found(live.run(calls), Category.CHEAPER_MODEL)
    before = configured()

    row = live.apply(row)
    moved = live.run(calls[:10])
    live.revert(row)
    back = live.run(calls[:10])

    assert (set(served(moved.answers)), set(served(back.answers))) == ({"gpt-4o-mini"}, {"gpt-4o"})
    assert configured() == before


def test_a_share_moves_the_callers_of_its_arm_and_no_others(live: Live) -> None:  # noqa: F811
    offered(live, "gpt-4o", "gpt-4o-mini")
    row = live.found(live.run(questions(3, 60, "gpt-4o", max_tokens=40)), Category.CHEAPER_MODEL)

    row = live.apply(row, share=30)
    people = [f"person-{number}" for number in range(200)]
    named = live.run(chat("gpt-4o", "hello", max_tokens=5, user=person) for person in people)
    again = live.run(chat("gpt-4o", "hello again", max_tokens=5, user=person) for person in people[:50])
    drawn = live.run(chat("gpt-4o", "hello", max_tokens=5) for _ in range(300))

    # the arms lie side by side on [0, 1): the last three tenths are moved
    arms = [
        "gpt-4o-mini" if unit_of(f"gpt-4o\0{name_of(row)}\0{person}") >= 0.7 else "gpt-4o" for person in people
    ]  # fmt: skip
    assert (served(named.answers), served(again.answers)) == (arms, arms[:50])
    assert 30 < arms.count("gpt-4o-mini") < 90
    # 300 draws of three tenths: 90, standard deviation 7.9; six of them
    assert 43 <= served(drawn.answers).count("gpt-4o-mini") <= 137
    assert measured(row, drawn).lines == sum(
        served(run.answers).count("gpt-4o-mini") for run in (named, again, drawn)
    )  # fmt: skip


def test_repeated_questions_are_answered_from_the_cache_until_it_is_taken_back(live: Live) -> None:  # noqa: F811
    """A contract takes a fifth off the list: what is saved is what would have been billed."""
    offered(live, "gpt-4o")
    with live.stack.connect() as connection:
        connection.execute(
            "INSERT INTO costs_priceoverride (id, organization_id, provider, model, prices, currency, valid_from, "
            "discount_percent, source, note, created_at) VALUES (gen_random_uuid(), %s, 'openai', 'gpt-4o', '{}', "
            "'USD', '2020-01-01', 20, '', '', now())",
            [live.organization.pk],
        )
    live.stack.wait_until_current()
    asked = [*questions(4, 20, "gpt-4o")]
    calls = [call for call in asked for _ in range(4)]
    row = live.found(live.run(calls), Category.DUPLICATE_CACHING)
    before = configured()

    row = live.apply(row)
    kept = live.run(calls)
    found = measured(row, kept)
    live.revert(row)
    back = live.run(calls)

    assert [answer.headers["x-gateway-cache"] for answer in kept.answers] == ["miss", "hit", "hit", "hit"] * 20
    assert (back.hits, configured()) == (0, before)
    # list a million tokens: 2.50 and 10.00; each question was paid once and answered three times for nothing
    billed = sum(
        Decimal("0.8") * (line["input_tokens"] * Decimal("2.50") + line["output_tokens"] * 10) / MILLION
        for line in lines(live, kept)
        if line["kind"] == "attempt"
    )
    assert kept.cost == billed
    assert (found.method, found.lines, found.amount) == ("cache", 60, 3 * billed)


def test_batches_are_measured_at_the_standard_price(live: Live) -> None:  # noqa: F811
    offered(live, "gpt-4o")
    calls = [*questions(5, 80, "gpt-4o")]
    before = live.run(calls)
    row = live.apply(live.found(before, Category.BATCH))

    after = live.run_batch(calls)

    found = measured(row, after)
    assert (found.method, found.lines, found.amount) == ("standard", 1, before.cost - after.cost)


def test_cached_prompts_are_measured_at_the_price_of_plain_ones(live: Live) -> None:  # noqa: F811
    stack = live.stack
    stack.model(stack.provider("anthropic", kind="anthropic", base_url=stack.simulator.url), "claude-sonnet-4-5")
    stack.wait_until_current()
    draw = random.Random(6)
    system = text_of(draw, 4_000)

    def asked(**marks: Any) -> list[Call]:
        said = [{"type": "text", "text": system, **marks}]
        return [
            Call({**call.body, "system": said}, "/v1/messages")
            for call in questions(7, 60, "claude-sonnet-4-5", max_tokens=60)
        ]

    before = live.run(asked())
    row = live.apply(live.found(before, Category.PROMPT_CACHING))
    after = live.run(asked(cache_control={"type": "ephemeral"}))

    found = measured(row, after)
    # the list's price of a million tokens without a cache: 3 and 15
    plain = sum((line["input_tokens"] * 3 + line["output_tokens"] * 15) / MILLION for line in lines(live, after))
    assert (found.method, found.lines, found.amount) == ("uncached", 60, plain - after.cost)
