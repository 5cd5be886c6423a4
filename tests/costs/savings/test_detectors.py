"""Every detector on a ledger small enough to reckon by hand, and on the ledger that it must leave alone.

Prices of a million tokens, by the public list: gpt-4o 2.5 in, 10 out (batch 1.25, 5); gpt-4o-mini 0.15, 0.6;
claude-haiku-4-5 1 in, 0.1 read, 1.25 written, 5 out; gpt-5.4-mini 0.75 in, 0.075 read, 4.5 out; gemini-2.5-pro 1.25 and
10, above 200,000 tokens 2.5 and 15; llama-3.3-70b 0.85 and 1.2 at Cerebras, 0.59 and 0.79 at Groq.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from costs.savings.candidates import Candidate, ModelFacts, Scores, View
from costs.savings.joint import replay_alone
from costs.savings.lines import CACHE_READ
from costs.savings.proposals import Category, Findings, Proposal, Risk
from costs.savings.search import search
from costs.savings.units import money
from tests.costs.savings.ledgers import START, Call, found, view

CALL = Call()
HAIKU = CALL.but(provider="anthropic", model="claude-haiku-4-5")
LONG = CALL.but(output=2000)
MINI = ModelFacts("openai", "small", "gpt-4o-mini", "openai", frozenset({"chat", "tools", "vision"}), 128_000, 16_384)


def one(name: str, seen: View) -> tuple[Candidate, Decimal]:
    """The only candidate, and what it saves alone."""
    (candidate,) = found(name, seen)
    return candidate, money(replay_alone(seen, candidate).saving)


def only(answer: Findings) -> Proposal:
    (proposal,) = answer.proposals
    return proposal


# ---- cheaper model -------------------------------------------------------------------------------------------------
def short(count: int = 600, call: Call = CALL) -> list[Call]:
    return [call.but(minute=20 * number) for number in range(count)]


def test_the_nearest_smaller_model_answers() -> None:
    candidate, saving = one("cheaper_model", view(short()))

    # 600 × (0.0025 + 0.001) = 2.10, 600 × (0.00015 + 0.00006) = 0.126
    assert saving == Decimal("1.974")
    assert (candidate.change.model, candidate.risk, candidate.quality.proposed) == ("gpt-4o-mini", Risk.HIGH, None)


@pytest.mark.parametrize(
    "change",
    [
        {"output": 300}, {"input": 5000}, {"reasoning": 20}, {"model": "gpt-4o-mini"}, {"status": "client_error"},
        {"endpoint": "embeddings"},
    ],
)  # fmt: skip
def test_what_is_not_small_keeps_its_model(change: dict[str, object]) -> None:
    assert found("cheaper_model", view(short(call=CALL.but(**change)))) == []


def test_a_smaller_model_must_take_what_the_slice_sends() -> None:
    blind = ModelFacts("openai", "small", "gpt-4o-mini", "openai", frozenset({"chat"}), 128_000, 16_384)
    today = ModelFacts("openai", "gpt-4o", "gpt-4o", "openai", frozenset({"chat", "vision"}), 128_000, 16_384)

    assert found("cheaper_model", view(short(call=CALL.but(has_tools=True)), models=[blind])) == []
    assert found("cheaper_model", view(short(), models=[blind, today])) == []
    assert found("cheaper_model", view(short(call=CALL.but(max_tokens=20_000)), models=[MINI])) == []
    assert one("cheaper_model", view(short(call=CALL.but(has_tools=True)), models=[MINI]))[0].change.model == "small"


def test_scores_lower_the_risk_or_forbid_the_change() -> None:
    def scored(proposed: float) -> View:
        key, other = ("app", "openai", "gpt-4o"), ("app", "openai", "gpt-4o-mini")
        return view(short(), scores={key: Scores(0.9, 40), other: Scores(proposed, 40)})

    candidate, _ = one("cheaper_model", scored(0.89))
    assert (candidate.risk, candidate.quality.proposed, candidate.quality.proposed_scores) == (Risk.MEDIUM, 0.89, 40)
    assert found("cheaper_model", scored(0.8)) == []


def test_a_further_sibling_only_where_scores_say_so() -> None:
    calls = short(call=CALL.but(model="gpt-5.4", input=3000))
    scores = {("", "openai", "gpt-5.4"): Scores(0.9, 40), ("", "openai", "gpt-5.4-nano"): Scores(0.9, 40)}

    assert one("cheaper_model", view(calls))[0].change.model == "gpt-5.4-mini"
    assert one("cheaper_model", view(calls, scores=scores))[0].change.model == "gpt-5.4-nano"


# ---- cheaper provider ----------------------------------------------------------------------------------------------
def test_open_weights_are_called_where_they_cost_less() -> None:
    calls = short(call=CALL.but(provider="cerebras", model="llama-3.3-70b", input=40_000, output=1000))
    groq = ModelFacts("fast", "llama", "llama-3.3-70b-versatile", "groq", frozenset({"chat"}), 131_072, 32_768)
    seen = view(calls, models=[groq])

    candidate, saving = one("cheaper_provider", seen)

    # 600 × (0.034 + 0.0012) = 21.12; 600 × (0.0236 + 0.00079) = 14.634
    assert saving == Decimal("6.486")
    assert (candidate.change.provider, candidate.change.model) == ("fast", "llama")
    assert candidate.change.settings["is_configured"] == "yes"


def test_a_host_that_nobody_configured_takes_no_long_prompts() -> None:
    call = CALL.but(provider="cerebras", model="llama-3.3-70b", input=40_000, output=1000)

    assert found("cheaper_provider", view(short(call=call))) == []
    assert one("cheaper_provider", view(short(call=call.but(input=10_000))))[0].change.settings["is_configured"] == "no"
    assert found("cheaper_provider", view(short(call=LONG))) == []


# ---- prompt caching ------------------------------------------------------------------------------------------------
def prompts(call: Call, *, every: float = 2, count: int = 500) -> list[Call]:
    """12 blocks and a half alike, then 2 of their own, of 512 tokens each: 6,400 of 7,424 tokens."""
    shared = tuple(range(1, 13))
    return [call.but(minute=every * n, input=7424, prefix=(*shared, 1000 + 2 * n, 1001 + 2 * n)) for n in range(count)]


def test_a_marked_prefix_is_written_once_and_read_while_it_lives() -> None:
    candidate, saving = one("prompt_caching", view(prompts(HAIKU)))

    # 6,400 tokens: read 499 times for 0.1 instead of 1, written once for 1.25: 499 × 6400 × 0.9e-6 − 6400 × 0.25e-6
    assert saving == Decimal("2.87424") - Decimal("0.0016")
    assert candidate.change.settings == {"cache_control": "ephemeral", "mark": "after about 6144 tokens"}
    assert candidate.risk == Risk.NONE


def test_a_prefix_that_comes_after_its_life_is_not_read() -> None:
    assert found("prompt_caching", view(prompts(HAIKU, every=5.1))) == []
    assert len(found("prompt_caching", view(prompts(HAIKU, every=5)))) == 1


def test_growing_conversations_are_marked_at_their_end() -> None:
    # turns 1 to 20 of ten conversations, 8 blocks more each turn: nothing is common to two conversations
    calls = [
        HAIKU.but(
            minute=100 * talk + turn, input=4096 * turn + 256, prefix=tuple(range(talk * 1000, talk * 1000 + 8 * turn))
        )
        for talk in range(1, 11)
        for turn in range(1, 21)
    ]  # fmt: skip

    candidate, saving = one("prompt_caching", view(calls))

    # a talk: turn t reads 4096 (t − 1) + 256 and writes 4096, the first one all of its 4,352:
    # (190 × 4096 + 19 × 256) × 0.9e-6 − (20 × 4096 + 256) × 0.25e-6
    assert saving == 10 * (Decimal("0.7047936") - Decimal("0.020544"))
    assert candidate.change.settings["mark"] == "at the end of the prompt"


def test_a_vendor_that_caches_by_itself_charges_no_writes_and_counts_in_steps() -> None:
    call = CALL.but(model="gpt-5.4-mini")

    _, saving = one("prompt_caching", view(prompts(call)))

    # 499 × 6,400 × (0.75 − 0.075)e-6
    assert saving == Decimal("2.15568")


def test_what_is_read_already_is_no_saving() -> None:
    calls = prompts(HAIKU)
    cached = [call.but(cache_read=6144) for call in calls[20:]]

    assert found("prompt_caching", view([*calls[:20], *cached])) == []


def test_prefixes_below_the_vendors_minimum_are_not_cached() -> None:
    # haiku-4-5 keeps nothing below 4,096 tokens: 7 ½ of 8 ½ blocks are 3,614
    calls = [HAIKU.but(minute=n, input=4096, prefix=(*range(1, 8), 1000 + n)) for n in range(1000)]

    assert found("prompt_caching", view(calls)) == []
    assert len(found("prompt_caching", view([call.but(model="claude-sonnet-4-5") for call in calls]))) == 1


def test_what_prompts_share_ends_within_a_block() -> None:
    seen = view(prompts(HAIKU))
    candidate, _ = one("prompt_caching", seen)
    second = seen.ledger.part(np.asarray([1]))

    read = []
    for apply in (candidate.low, candidate.apply, candidate.high):
        assert apply is not None
        read.append(int(seen.ledger.replay(second, apply).tokens[CACHE_READ, 0]))

    # 12, 12 ½ and 13 blocks of prompts of 15, 14 ½ and 14
    assert read == [7424 * 12 // 15, 6400, 7424 * 13 // 14]


def test_prompts_beyond_what_is_hashed_share_blocks_of_512_tokens() -> None:
    # 150,000 tokens, of which only the first 64 blocks are known: 10 ½ of them are alike
    shared = tuple(range(1, 11))
    calls = [
        HAIKU.but(minute=n, model="gemini-2.5-pro", provider="google", input=150_000,
                  prefix=(*shared, *range(1000 * n + 100, 1000 * n + 154)))
        for n in range(500)
    ]  # fmt: skip

    _, saving = one("prompt_caching", view(calls))

    # 5,376 tokens are read 499 times: (1.25 − 0.125)e-6 less
    assert saving == 499 * 5376 * Decimal("1.125e-6")


# ---- duplicates ----------------------------------------------------------------------------------------------------
def test_a_question_is_asked_anew_when_its_answer_is_old() -> None:
    # every 10 minutes the same; the answer is kept for an hour after it was complete: 6 of 7 are served
    _, saving = one("duplicate_caching", view([LONG.but(minute=10 * n, asked=7) for n in range(700)]))

    assert saving == 600 * Decimal("0.0225")


@pytest.mark.parametrize("change", [{"asked": 0}, {"cache_status": "hit"}, {"status": "timeout"}, {"is_final": False}])
def test_what_a_cache_would_not_serve_is_no_duplicate(change: dict[str, object]) -> None:
    calls = [LONG.but(**{"minute": 10 * n, "asked": 7, **change}) for n in range(700)]

    assert found("duplicate_caching", view(calls)) == []


def test_an_answer_that_ends_at_the_callers_limit_is_kept_too() -> None:
    _, saving = one("duplicate_caching", view([LONG.but(minute=10 * n, asked=7, finish="length") for n in range(700)]))

    assert saving == 600 * Decimal("0.0225")


def test_projects_do_not_share_answers_and_a_cache_that_is_on_needs_no_advice() -> None:
    calls = [LONG.but(minute=10 * n, asked=7, project=f"app{n % 2}") for n in range(1400)]

    # each project asks every 20 minutes: 3 of 4 are served
    saved = [
        money(replay_alone(view(calls), candidate).saving) for candidate in found("duplicate_caching", view(calls))
    ]
    assert saved == [525 * Decimal("0.0225")] * 2
    assert found("duplicate_caching", view(calls, response_cache={"": 60})) == []
    assert len(found("duplicate_caching", view(calls, response_cache={"": 60, "app0": 0}))) == 1


# ---- batch ---------------------------------------------------------------------------------------------------------
def nightly(call: Call = LONG) -> list[Call]:
    """100 calls each night between 1 and 3 o'clock."""
    return [call.but(minute=1440 * (n // 100) + 60 + 1.2 * (n % 100)) for n in range(1000)]


def test_a_nightly_run_goes_at_the_batch_price() -> None:
    candidate, saving = one("batch", view(nightly()))

    assert saving == 1000 * Decimal("0.01125")
    assert candidate.risk == Risk.NONE


def test_heaps_of_calls_go_at_the_batch_price_at_any_hour() -> None:
    heaps = [LONG.but(minute=713 * (n // 50) + (n % 50) / 50) for n in range(1000)]

    assert one("batch", view(heaps))[1] == 1000 * Decimal("0.01125")


@pytest.mark.parametrize(
    "change",
    [{"is_stream": True}, {"has_end_user": True}, {"has_tools": True}, {"tier": "batch"}, {"provider": "azure"}],
)
def test_what_somebody_waits_for_or_has_no_batch_price_stays(change: dict[str, object]) -> None:
    assert found("batch", view(nightly(LONG.but(**change)))) == []


def test_a_steady_flow_is_no_batch() -> None:
    assert found("batch", view([LONG.but(minute=14.4 * n) for n in range(1000)])) == []


# ---- length of output, reasoning, tiers ------------------------------------------------------------------------------
def test_answers_that_run_away_are_capped() -> None:
    calls = [CALL.but(minute=10 * n, finish="stop") for n in range(900)]
    away = [CALL.but(minute=10 * n + 5, finish="length", output=16_000) for n in range(60)]

    candidate, saving = one("output_length", view([*calls, *away]))

    # 1.5 × 100 is rounded up to 192: 60 × (16,000 − 192) × 10e-6
    assert candidate.change.settings == {"max_tokens": "192"}
    assert saving == 60 * Decimal("0.15808")


def test_a_high_limit_that_nothing_reaches_and_one_that_is_too_low_are_left_alone() -> None:
    high = [CALL.but(minute=10 * n, finish="stop", max_tokens=128_000) for n in range(900)]
    low = [CALL.but(minute=10 * n, finish="length", output=200) for n in range(900)]

    assert found("output_length", view(high)) == []
    assert found("output_length", view([*high, *low])) == []


def test_half_of_the_reasoning_for_short_answers_is_a_guess_with_its_spread() -> None:
    thinking = [CALL.but(minute=14.4 * n, model="gpt-5.4", output=1000, reasoning=900) for n in range(1000)]

    candidate, saving = one("reasoning_effort", view(thinking))
    found_in = only(search(view(thinking)))

    # 450 of 1,000 output tokens at 15: 1,000 × 0.00675; at most three quarters of it, at least a quarter
    assert saving == Decimal("6.75")
    assert (candidate.risk, candidate.quality.current) == (Risk.HIGH, None)
    assert (found_in.interval.lower, found_in.interval.upper) == (Decimal("3.375"), Decimal("10.125"))


def test_long_answers_may_be_thought_about() -> None:
    thinking = [CALL.but(minute=10 * n, model="gpt-5.4", output=2000, reasoning=1400) for n in range(1000)]

    assert found("reasoning_effort", view(thinking)) == []


def test_a_prompt_just_above_a_tier_pays_the_higher_rate_for_all() -> None:
    gemini = CALL.but(provider="google", model="gemini-2.5-pro", output=1000)
    near = [gemini.but(minute=10 * n, input=201_000) for n in range(100)]
    far = [gemini.but(minute=10 * n + 5, input=300_000) for n in range(100)]

    candidate, saving = one("tier_boundary", view([*near, *far]))

    # 0.5025 + 0.015 = 0.5175; at 200,000 tokens 0.25 + 0.01 = 0.26
    assert saving == 100 * (Decimal("0.5175") - Decimal("0.26"))
    assert candidate.change.settings == {"max_input_tokens": "200000"}
    assert found("tier_boundary", view([call.but(cache_read=200_500) for call in near])) == []


# ---- waste ---------------------------------------------------------------------------------------------------------
def test_failures_that_were_billed_are_waste_and_those_that_people_left_are_not() -> None:
    fine = [LONG.but(minute=10 * n) for n in range(900)]
    failed = [LONG.but(minute=10 * n + 1, status="timeout") for n in range(90)]

    assert one("failed_calls", view([*fine, *failed]))[1] == 90 * Decimal("0.0225")
    assert found("failed_calls", view([*fine, *(call.but(status="cancelled") for call in failed)])) == []
    assert found("failed_calls", view([*fine, *(call.but(cost=Decimal(0)) for call in failed)])) == []
    assert found("failed_calls", view([*fine * 4, *failed])) == []


def test_attempts_that_were_made_again_are_waste() -> None:
    calls = [LONG.but(minute=10 * n, request=n + 1) for n in range(900)]
    first = [LONG.but(minute=10 * n, request=n + 1, is_final=False, status="timeout") for n in range(90)]
    seen = view([*calls, *first])

    assert one("retry_waste", seen)[1] == 90 * Decimal("0.0225")
    assert found("failed_calls", seen) == []
    assert found("retry_waste", view(calls)) == []


def test_idle_keys_cost_nothing() -> None:
    assert found("idle_keys", view(short())) == []


# ---- commitments ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Fee:
    covered: Decimal
    used: Decimal | None = None
    sizes: tuple[Decimal, ...] = ()
    reference: str = "c1"
    name: str = "PTU 100"
    provider: str = "azure"
    model: str = "gpt-4o"
    start: datetime = START - timedelta(days=90)
    end: datetime | None = None
    monthly_cost: Decimal = Decimal(300)
    currency: str = "USD"


def test_a_commitment_that_covers_hardly_anything_is_ended() -> None:
    answer = search(view(short(), commitments=[Fee(Decimal(5))]))

    (ended,) = [one for one in answer.proposals if one.category == Category.UNUSED_COMMITMENT]
    # 10 of 30 days: it cost 100 and covered 5
    assert (ended.actual_cost, ended.saving, ended.joint_saving, ended.monthly_saving) == (100, 95, 95, 285)
    assert (ended.interval.lower, ended.interval.upper, ended.lines) == (95, 95, 0)


def test_a_commitment_is_cut_to_the_size_that_its_busiest_moment_needs() -> None:
    sizes = (Decimal("0.25"), Decimal("0.5"), Decimal(1))

    def cut(used: str) -> list[Decimal]:
        seen = view(short(), commitments=[Fee(Decimal(50), Decimal(used), sizes)])
        return [money(candidate.outside) for candidate in found("commitments", seen)]

    assert cut("0.2") == [Decimal(75)]
    assert cut("0.24") == [Decimal(50)]  # a tenth to spare is more than a quarter
    assert cut("0.6") == []


def test_a_commitment_of_which_no_size_pays_is_ended() -> None:
    fee = Fee(Decimal(20), Decimal("0.2"), (Decimal("0.25"), Decimal(1)))

    (candidate,) = found("commitments", view(short(), commitments=[fee]))

    # it cost 100; a quarter of it would hold the calls and cost 25, on demand they cost 20
    assert candidate.change.category == Category.OVERSIZED_COMMITMENT
    assert (candidate.change.settings, money(candidate.outside)) == ({"end": "at its next term"}, 80)


def test_a_commitment_that_pays_or_has_just_begun_is_left_alone() -> None:
    young = Fee(Decimal(0), start=START + timedelta(days=6))

    assert found("commitments", view(short(), commitments=[Fee(Decimal(120)), young])) == []
    assert [money(one.outside) for one in found("commitments", view([], commitments=[Fee(Decimal(60))]))] == [40]
