"""Real traffic: prefixes of a chat service (Mooncake), shapes of two weeks of clients (ServeGen)."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from costs.savings.joint import replay_alone
from costs.savings.prefixes import BLOCK_TOKENS, PrefixReplay
from costs.savings.proposals import Category
from costs.savings.search import search
from costs.savings.units import money
from tests.costs.savings.ledgers import Call, found, view

pytestmark = pytest.mark.needs_shared
HAIKU = Call().but(provider="anthropic", model="claude-haiku-4-5", is_stream=True, has_end_user=True)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def _prompts(shared: Path) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """`(ms, input, output, hashes)` of every prompt: as many blocks as the last one that had so many, then its own."""
    before: list[tuple[int, ...]] = []
    for number, row in enumerate(_rows(shared / "data" / "mooncake_2024" / "conversation_trace.csv.gz"), 1):
        given = int(row["input_tokens"])
        known = -(-int(row["cacheable_prefix_tokens"]) // BLOCK_TOKENS)
        own = range(number * 1_000, number * 1_000 + max(0, -(-given // BLOCK_TOKENS) - known))
        hashes = (*next((one for one in reversed(before) if len(one) >= known), ())[:known], *own)
        before.append(hashes)
        yield int(row["timestamp_ms"]), given, int(row["output_tokens"]), hashes


def test_an_endless_cache_could_read_37_percent_of_mooncakes_input(shared_dir: Path) -> None:
    replay = PrefixReplay(ttl_ms=None)
    read = whole = 0
    for at, given, _, hashes in _prompts(shared_dir):
        _, seen, _ = replay.take(0, b"".join(one.to_bytes(8, "big") for one in hashes), at)
        read, whole = read + min(seen * BLOCK_TOKENS, given), whole + given

    assert round(read / whole, 3) == 0.374


def test_mooncakes_prompts_are_worth_caching_at_the_vendors_rules(shared_dir: Path) -> None:
    calls = [
        HAIKU.but(minute=at / 60_000, input=given, output=output, prefix=hashes)
        for at, given, output, hashes in _prompts(shared_dir)
    ]
    seen = view(calls, days=1 / 24)

    (candidate,) = found("prompt_caching", seen)
    saved = replay_alone(seen, candidate).saved

    # nobody can read more than what an endless cache holds, each at 0.1 instead of 1 USD a million
    most = Decimal("0.374") * sum(call.usage["input_tokens"] for call in calls) * Decimal("0.9e-6")
    assert Decimal("0.1") * most < money(int(saved.sum())) < most


def _clients(shared: Path) -> Iterator[tuple[str, str, int, int, int, int]]:
    for row in _rows(shared / "data" / "servegen_2024" / "servegen_hourly_dev.csv.gz"):
        if row["model"] in ("m-small", "m-mid") and row["mean_input_tokens"] and int(row["requests"]):
            yield (
                row["model"], row["client"], int(row["hour"]), int(row["requests"]),
                round(float(row["mean_input_tokens"])), round(float(row["mean_output_tokens"])),
            )  # fmt: skip


def _traffic(shared: Path, call: Call, most: int = 3) -> list[Call]:
    """At most `most` calls an hour and client, spread over it."""
    return [
        call.but(
            minute=60 * hour + 60 * number / min(most, requests) + int(client.encode().hex(), 16) % 19,
            project=f"{model}-{client}", input=given, output=output,
        )
        for model, client, hour, requests, given, output in _clients(shared)
        for number in range(min(most, requests))
    ]  # fmt: skip


@pytest.mark.slow
def test_real_traffic_without_waste_gets_no_recommendation(shared_dir: Path) -> None:
    answer = search(view(_traffic(shared_dir, HAIKU, most=6), days=15))

    assert (answer.lines > 40_000, answer.spend > 50) == (True, True)
    assert (answer.proposals, answer.joint_saving, answer.notes) == ((), 0, ())


def test_real_traffic_that_comes_in_heaps_is_half_the_price_in_batches(shared_dir: Path) -> None:
    calls = _traffic(shared_dir, Call().but(model="gpt-4o"))
    seen = view(calls, days=15)

    answer = search(seen)

    hours: dict[str, list[int]] = defaultdict(lambda: [0] * 24)
    for call in calls:
        hours[call.profile.project][int(call.minute // 60) % 24] += 1
    heaped = {project for project, counts in hours.items() if sum(sorted(counts)[-6:]) >= 0.85 * sum(counts)}
    batches = [one for one in answer.proposals if one.category == Category.BATCH]
    assert {one.slice.project for one in batches} <= heaped
    assert all(one.saving * 2 == one.actual_cost for one in batches)
    assert answer.joint_saving == sum(one.joint_saving for one in answer.proposals)
    assert answer.joint_saving < answer.spend
    assert np.unique([one.key for one in answer.proposals]).size == len(answer.proposals)
