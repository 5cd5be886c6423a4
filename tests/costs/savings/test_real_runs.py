"""What a replay says is saved against really making the change: the same calls through a data plane, before and after.

The answers of the simulated provider follow from its seed, the model and the request, so another model says something
else, as it would; a request that is repeated is answered alike.
"""

import random
from decimal import Decimal
from typing import Any

import pytest

from costs.models import Recommendation
from costs.savings.proposals import Category
from tests.costs.savings.live import Call, Live, Run, chat, questions, text_of

pytestmark = pytest.mark.slow
TOLERANCE = Decimal("0.05")


def check(row: Recommendation, before: Run, after: Run) -> None:
    """The replayed saving is what the change has really saved, within the tolerance."""
    real = before.cost - after.cost
    assert abs(row.saving / real - 1) <= TOLERANCE, (row.saving, real)


def test_a_cheaper_model(live: Live) -> None:
    provider = live.stack.provider("openai")
    for name in ("gpt-4o", "gpt-4o-mini"):
        live.stack.model(provider, name)
    live.stack.wait_until_current()
    calls = [*questions(1, 300, "gpt-4o", max_tokens=60)]

    before = live.run(calls)
    row = live.apply(live.found(before, Category.CHEAPER_MODEL))
    after = live.run(calls)

    assert (row.change["model"], {answer.headers["x-gateway-model"] for answer in after.answers}) == (
        "gpt-4o-mini", {"gpt-4o-mini"}
    )  # fmt: skip
    check(row, before, after)


def test_a_cheaper_provider(live: Live) -> None:
    stack = live.stack
    stack.model(stack.provider("groq", price_list="groq"), "llama", "llama-3.3-70b-versatile")
    stack.model(stack.provider("novita", price_list="novita"), "llama-novita", "meta-llama/llama-3.3-70b-instruct")
    stack.wait_until_current()
    calls = [*questions(2, 300, "llama", max_tokens=120)]

    before = live.run(calls)
    row = live.apply(live.found(before, Category.CHEAPER_PROVIDER))
    after = live.run(calls)

    assert (row.change["provider"], {answer.headers["x-gateway-provider"] for answer in after.answers}) == (
        "novita", {"novita"}
    )  # fmt: skip
    check(row, before, after)


def test_answers_that_are_kept(live: Live) -> None:
    live.stack.model(live.stack.provider("openai"), "gpt-4o")
    live.stack.wait_until_current()
    draw = random.Random(3)
    asked = [*questions(3, 40, "gpt-4o"), *questions(4, 40, "gpt-4o", max_tokens=60)]
    draw.shuffle(asked)
    calls = [Call({**asked[min(79, int(draw.expovariate(0.05)))].body, "stream": draw.random() < 0.3})
             for _ in range(300)]  # fmt: skip

    before = live.run(calls)
    row = live.apply(live.found(before, Category.DUPLICATE_CACHING))
    after = live.run(calls)

    assert (before.hits, after.attempts + after.hits) == (0, before.attempts)
    assert after.hits == row.lines
    check(row, before, after)
    assert row.saving == before.cost - after.cost


def test_two_changes_of_the_same_calls_are_counted_once(live: Live) -> None:
    """A smaller model answers what the cache has not: the parts of the joint replay are what both save."""
    provider = live.stack.provider("openai")
    for name in ("gpt-4o", "gpt-4o-mini"):
        live.stack.model(provider, name)
    live.stack.wait_until_current()
    draw = random.Random(9)
    asked = [*questions(9, 60, "gpt-4o", max_tokens=60)]
    calls = draw.choices(asked, k=200)

    before = live.run(calls)
    live.search(before)
    rows = Recommendation.objects.filter(category__in=[Category.CHEAPER_MODEL, Category.DUPLICATE_CACHING])
    for row in rows:
        live.apply(row)
    after = live.run(calls)

    assert (len(rows), after.hits) == (2, 200 - len({str(call.body) for call in calls}))
    apart, joint = (sum(getattr(row, name) for row in rows) for name in ("saving", "joint_saving"))
    assert abs(joint / (before.cost - after.cost) - 1) <= TOLERANCE < apart / joint - 1


@pytest.mark.parametrize(("model", "words"), [("gpt-4o", 0), ("gpt-5.4", 2_500)])
def test_batches(live: Live, model: str, words: int) -> None:
    """Of gpt-5.4 all prompts together are longer than what costs more for each token, no single one is."""
    live.stack.model(live.stack.provider("openai"), model)
    live.stack.wait_until_current()
    draw = random.Random(4)
    fields = {"reasoning_effort": "none"} if words else {}
    calls = [chat(model, text_of(draw, words + draw.randint(50, 300)), **fields) for _ in range(150 if words else 200)]

    before = live.run(calls)
    row = live.apply(live.found(before, Category.BATCH))
    after = live.run_batch(calls)

    assert (row.applied, after.attempts) == ({"how": "hand"}, 1)
    check(row, before, after)


def claude(live: Live) -> str:
    provider = live.stack.provider("anthropic", kind="anthropic", base_url=live.stack.simulator.url)
    live.stack.model(provider, "claude-sonnet-4-5")
    live.stack.wait_until_current()
    return "claude-sonnet-4-5"


def block(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **fields}


def messages(model: str, system: str, turns: list[str], mark: str = "") -> Call:
    """A call of Anthropic's format, whose last turn or whose instructions are marked for the vendor's cache."""
    marked = {name: {"cache_control": {"type": "ephemeral"}} if mark == name else {} for name in ("system", "turn")}
    said = [
        {"role": "assistant" if number % 2 else "user", "content": [block(text)]} for number, text in enumerate(turns)
    ]
    said[-1]["content"] = [block(turns[-1], **marked["turn"])]
    body = {"model": model, "max_tokens": 80, "system": [block(system, **marked["system"])], "messages": said}
    return Call(body, "/v1/messages")


def instructed(live: Live, words: int, fewest: int, most: int) -> tuple[Recommendation, Run, Run]:
    """120 questions with the same instructions, before and after these are marked."""
    model, draw = claude(live), random.Random(5)
    system = text_of(draw, words)
    asked = [text_of(draw, draw.randint(fewest, most)) for _ in range(120)]

    before = live.run(messages(model, system, [question]) for question in asked)
    row = live.apply(live.found(before, Category.PROMPT_CACHING))
    after = live.run(messages(model, system, [question], "system") for question in asked)

    assert (row.applied, row.change["settings"]["mark"].split()[0]) == ({"how": "hand"}, "after")
    return row, before, after


@pytest.mark.parametrize("words", [4_000, 12_000])
def test_instructions_that_are_cached(live: Live, words: int) -> None:
    check(*instructed(live, words, 50, 300))


def test_short_instructions_are_known_to_half_a_block_and_the_interval_says_so(live: Live) -> None:
    """Half a block is a tenth of these; the search cannot say better, since it has hashes of whole blocks alone."""
    row, before, after = instructed(live, 1_600, 200, 800)

    assert row.interval_lower < before.cost - after.cost < row.interval_upper
    assert abs(row.saving / (before.cost - after.cost) - 1) < Decimal("0.11")


def test_conversations_that_are_cached(live: Live) -> None:
    model, draw = claude(live), random.Random(6)
    talks = [[text_of(draw, draw.randint(50, 300)) for _ in range(19)] for _ in range(15)]
    systems = [text_of(draw, 900) for _ in talks]
    asked = [(system, talk[: 2 * turn + 1]) for system, talk in zip(systems, talks, strict=True) for turn in range(10)]

    before = live.run(messages(model, system, turns) for system, turns in asked)
    row = live.apply(live.found(before, Category.PROMPT_CACHING))
    after = live.run(messages(model, system, turns, "turn") for system, turns in asked)

    assert row.change["settings"]["mark"] == "at the end of the prompt"
    check(row, before, after)


def test_what_a_vendor_caches_by_itself_is_no_saving(live: Live) -> None:
    live.stack.model(live.stack.provider("openai"), "gpt-4o")
    live.stack.wait_until_current()
    draw = random.Random(7)
    system = {"role": "system", "content": text_of(draw, 2_000)}
    calls = [Call({**call.body, "messages": [system, *call.body["messages"]]}) for call in questions(8, 60, "gpt-4o")]

    found = live.search(live.run(calls))

    assert Category.PROMPT_CACHING not in {one.category for one in found.proposals}
