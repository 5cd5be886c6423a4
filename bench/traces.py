"""Real traffic as a ledger, sound or with waste planted in it: two weeks of clients (ServeGen) and an hour of chats
with the prefixes that they share (Mooncake).

What a plant costs too much is worked out here, from unit prices and the tokens that the plant added; no part of the
search for savings is used but the shape of its lines.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bench.common import SHARED_DATA
from costs.pricing import default_book
from costs.savings.candidates import View
from costs.savings.lines import CACHE_READ, HOUR_MS, INPUT, OUTPUT, REASONING, TOKENS, Builder, Profile
from costs.savings.prefixes import PrefixReplay
from costs.savings.pricing import BatchPricer, Target
from costs.savings.proposals import Category
from costs.savings.replay import Ledger
from costs.savings.units import Ints

START = datetime(2026, 11, 2, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
DURATION_MS = 4_000
KNOWN_BLOCKS = 64
"""How many prefixes of a prompt the gateway keeps; what is behind them no search can see."""
BLOCK = 512
Prices = Mapping[str, float]
Key = tuple[Category, str, str]
"""A category, a project and the model that answered."""
Generator = np.random.Generator
COLUMNS = ("at", "input", "output", "reasoning", "cached", "asked")


@dataclass(slots=True)
class Batch:
    """Calls of one profile, in any order. All but `hashes` are (n,); `hashes`: prefixes by call, for chats."""

    profile: Profile
    at: Ints
    input: Ints
    output: Ints
    reasoning: Ints
    cached: Ints
    asked: Ints
    hashes: list[tuple[int, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, profile: Profile, at: Ints, given: Ints, output: Ints, first: int, **more: Any) -> "Batch":
        none = np.zeros(len(at), dtype=np.int64)
        asked = first + np.arange(1, len(at) + 1, dtype=np.int64)
        return replace(cls(profile, at, given, output, none, none, asked), **more)

    def take(self, rows: Ints, **profile: Any) -> "Batch":
        """Some of them, with another profile."""
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        hashes = [self.hashes[row] for row in rows.tolist()] if self.hashes else []
        return replace(self, profile=replace(self.profile, **profile), hashes=hashes, **columns)


@dataclass(frozen=True, slots=True)
class Trace:
    """A view with the truth about it: saving in USD by category, project and model."""

    view: View
    truth: dict[Key, float]


def prices(price_list: str, model: str) -> Prices:
    """USD a token by meter, of the base tier on the first day."""
    card = default_book().resolve(price_list, model, START)
    assert card is not None
    return {meter: float(rate.unit_price) for meter, rate in card.tiers[-1].rates.items()}


def cost(calls: Batch, at: Prices | None = None) -> float:
    """USD of the calls, by their own model or by other prices."""
    rates = at or prices(calls.profile.provider, calls.profile.model)
    cached, whole = float(calls.cached.sum()), float(calls.input.sum())
    return (
        (whole - cached) * rates["input"] + cached * rates["cache_read"] + float(calls.output.sum()) * rates["output"]
    )


def view_of(batches: list[Batch], hours: float) -> View:
    """The calls as lines of one ledger, priced by the public list; every call has a request of its own."""
    book, end = default_book(), START + timedelta(hours=hours)
    pricer, builder = BatchPricer(book, START, end, "traces"), Builder()
    numbers = np.concatenate([np.full(len(one.at), builder.number(one.profile)) for one in batches])
    columns = {name: np.concatenate([getattr(one, name) for one in batches]) for name in COLUMNS}
    order = np.argsort(columns["at"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    tokens = np.zeros((len(TOKENS), len(order)), dtype=np.int64)
    for row, name in ((INPUT, "input"), (OUTPUT, "output"), (REASONING, "reasoning"), (CACHE_READ, "cached")):
        tokens[row] = columns[name]
    profiles = tuple(builder.profiles)
    targets = {number: Target(one.provider, one.model) for number, one in enumerate(profiles)}
    own = np.array([pricer.number(targets[number]) for number in range(len(profiles))])[numbers[order]]
    spent, known = pricer.price(own, columns["at"], tokens)
    assert known.all()
    seen = _seen(batches, order, profiles, numbers)
    builder.add(
        profile=numbers[order], at=columns["at"], duration=np.full(len(order), DURATION_MS),
        request=np.arange(len(order)), asked=columns["asked"], max_tokens=np.zeros(len(order), dtype=np.int64),
        tokens=tokens, cost=spent, blocks=seen[0], seen=seen[1], ended=seen[2],
    )  # fmt: skip
    lines = builder.lines()
    return View(Ledger.of(lines, pricer, targets), START, end)


def _seen(batches: list[Batch], order: Ints, profiles: tuple[Profile, ...], numbers: Ints) -> Ints:
    """(3, n): prefixes as `costs.savings.reading` replays them."""
    hashes = [one for batch in batches for one in (batch.hashes or [()] * len(batch.at))]
    at = np.concatenate([one.at for one in batches])
    scopes: dict[str, int] = {}
    replay, found = PrefixReplay(), np.zeros((3, len(order)), dtype=np.int64)
    for place, row in enumerate(order.tolist()):
        if hashes[row]:
            profile = profiles[int(numbers[row])]
            raw = b"".join(one.to_bytes(8, "big") for one in hashes[row][:KNOWN_BLOCKS])
            found[:, place] = replay.take(scopes.setdefault(profile.model, len(scopes)), raw, int(at[row]))
    return found


# ---- ServeGen: two weeks of clients ----------------------------------------------------------------------------------
SERVEGEN_HOURS = 336
MOST_AN_HOUR = 20
CLIENTS_EACH = 2
WORTH = 0.01
"""Waste is planted where it costs at least this share of all spend; half of that is not worth a proposal."""
HAIKU = Profile(provider="anthropic", model="claude-haiku-4-5", model_requested="claude-haiku-4-5",
                endpoint="/v1/chat/completions", finish="stop", is_stream=True, has_end_user=True)  # fmt: skip
LARGE, SMALL = "gpt-5.4", "gpt-5.4-mini"
DEAR, CHEAP = ("cerebras", "gpt-oss-120b"), ("novita", "openai/gpt-oss-120b")


def servegen(seed: int, *, planted: bool) -> Trace:
    """Clients of the trace, each a project, of at most 20 calls an hour; waste in some of them, by chance of `seed`."""
    rng = np.random.default_rng(seed)
    clients = [_client(name, hours, rng, number) for number, (name, hours) in enumerate(_clients().items())]
    if not planted:
        return Trace(view_of(clients, SERVEGEN_HOURS), {})
    left, worth = dict(enumerate(clients)), WORTH * sum(cost(calls) for calls in clients)
    truth: dict[Key, float] = {}
    done: list[Batch] = []
    for category, (is_fit, plant) in PLANTS.items():
        count = 0
        for number in rng.permutation([number for number, calls in left.items() if is_fit(calls)]).tolist():
            batches, saving = plant(left[number], rng)
            if saving >= worth and count < CLIENTS_EACH:
                count += 1
                del left[number]
                done += batches
                truth[category, batches[0].profile.project, batches[0].profile.model] = saving
    return Trace(view_of([*left.values(), *done], SERVEGEN_HOURS), truth)


def _clients() -> dict[str, list[tuple[int, int, float, float]]]:
    """`(hour, calls, mean input, mean output)` by client."""
    found = defaultdict(list)
    with gzip.open(SHARED_DATA / "servegen_2024" / "servegen_hourly_dev.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            count = min(MOST_AN_HOUR, int(row["requests"]))
            if row["model"] in ("m-small", "m-mid", "m-large") and count and row["mean_input_tokens"]:
                tokens = float(row["mean_input_tokens"]), float(row["mean_output_tokens"])
                found[f"{row['model']}-{row['client']}"].append((int(row["hour"]), count, *tokens))
    return found


def _client(name: str, hours: list[tuple[int, int, float, float]], rng: Generator, number: int) -> Batch:
    """Calls spread over each hour, with tokens scattered around its means."""
    hour, count, given, output = (np.array(column) for column in zip(*hours, strict=True))
    at = START_MS + ((np.repeat(hour, count) + rng.random(int(count.sum()))) * HOUR_MS).astype(np.int64)
    scatter = [np.exp(0.35 * rng.standard_normal(len(at)) - 0.06) for _ in range(2)]
    tokens = [np.maximum(1, np.rint(np.repeat(mean, count) * by)).astype(np.int64)
              for mean, by in zip((given, output), scatter, strict=True)]  # fmt: skip
    return Batch.of(replace(HAIKU, project=name), at, tokens[0], tokens[1], number * 1_000_000_000)


def _share(calls: Batch, share: float, rng: Generator) -> Ints:
    return np.flatnonzero(rng.random(len(calls.at)) < share)


def _too_large(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    dear = calls.take(np.arange(len(calls.at)), provider="openai", model=LARGE)
    return [dear], cost(dear) - cost(dear, prices("openai", SMALL))


def _too_dear(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    dear = calls.take(np.arange(len(calls.at)), provider=DEAR[0], model=DEAR[1])
    return [dear], cost(dear) - cost(dear, prices(*CHEAP))


def _at_night(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    night = calls.take(np.arange(len(calls.at)), is_stream=False, has_end_user=False)
    day = (night.at - START_MS) // (24 * HOUR_MS)
    night.at = START_MS + day * 24 * HOUR_MS + ((1 + 3 * rng.random(len(day))) * HOUR_MS).astype(np.int64)
    return [night], cost(night) / 2


def _asked_again(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    again = calls.take(_share(calls, 0.35, rng))
    again.at = again.at + DURATION_MS + (rng.random(len(again.at)) * HOUR_MS * 2 / 3).astype(np.int64)
    again = again.take(np.flatnonzero(again.at < START_MS + SERVEGEN_HOURS * HOUR_MS))
    return [calls, again], cost(again)


def _given_up(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    tried = calls.take(_share(calls, 0.25, rng), is_final=False, status="timeout", finish="")
    tried.at = np.maximum(START_MS, tried.at - 20_000)
    return [calls, tried], cost(tried)


def _failed(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    which = _share(calls, 0.25, rng)
    failed = calls.take(which, status="timeout", finish="")
    return [calls.take(np.setdiff1d(np.arange(len(calls.at)), which)), failed], cost(failed)


def _endless(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    which, usual = _share(calls, 0.04, rng), float(np.median(calls.output))
    endless = calls.take(which, finish="length")
    endless.output = np.full(len(which), int(20 * usual))
    rates = prices(calls.profile.provider, calls.profile.model)
    saving = float((endless.output - 3 * usual).sum()) * rates["output"]
    return [calls.take(np.setdiff1d(np.arange(len(calls.at)), which)), endless], saving


def _overthought(calls: Batch, rng: Generator) -> tuple[list[Batch], float]:
    thinks = calls.take(np.arange(len(calls.at)), provider="openai", model=LARGE)
    thinks.reasoning = 5 * thinks.output
    thinks.output = thinks.output + thinks.reasoning
    unneeded = float(rng.uniform(0.45, 0.6)) * float(thinks.reasoning.sum())
    return [thinks], unneeded * prices("openai", LARGE)["output"]


def _writes(least: float, most: float, longest: float = 1e9) -> Any:
    def is_fit(calls: Batch) -> bool:
        most_of = float(np.quantile(calls.output, 0.9))
        return least <= most_of <= most and float(np.median(calls.input)) <= longest

    return is_fit


PLANTS: Mapping[Category, tuple[Any, Any]] = {
    Category.RETRY_WASTE: (_writes(20, 900), _given_up),
    Category.FAILED_CALLS: (_writes(20, 900), _failed),
    Category.OUTPUT_LENGTH: (_writes(50, 900), _endless),
    Category.DUPLICATE_CACHING: (_writes(20, 900), _asked_again),
    Category.BATCH: (_writes(20, 900), _at_night),
    Category.CHEAPER_PROVIDER: (lambda calls: int((calls.input + calls.output).max()) < 30_000, _too_dear),
    Category.REASONING_EFFORT: (_writes(30, 250), _overthought),
    Category.CHEAPER_MODEL: (_writes(10, 200, 2_500), _too_large),
}
"""Which clients a waste could be about, and how it is planted: the calls with it, and the USD that it costs."""


# ---- Mooncake: an hour of chats --------------------------------------------------------------------------------------
CHAT = Profile(provider="openai", model="gpt-5.4", model_requested="gpt-5.4", endpoint="/v1/chat/completions",
               finish="stop", is_stream=True, has_end_user=True)  # fmt: skip
WARM_MS = 300_000
STEP, LEAST = 128, 1_024
"""Vendors read prefixes from 1,024 tokens on, in steps of 128."""


def mooncake(seed: int, *, planted: bool) -> Trace:
    """The trace four times, as four projects whose vendor reads what prompts share. Planted: one of them never meets
    the cache, one asks a part twice, one has attempts that were given up and calls that failed, all of them billed."""
    rng = np.random.default_rng(seed)
    sound, cold, twice, failing = (_chats(*one) for one in MODELS)
    if not planted:
        return Trace(view_of([_warm([one])[0] for one in (sound, cold, twice, failing)], 1), {})
    (warm,) = _warm([cold])
    rates = prices("openai", cold.profile.model)
    again = twice.take(_share(twice, 0.25, rng))
    again.at = again.at + DURATION_MS + (rng.random(len(again.at)) * WARM_MS).astype(np.int64)
    twice, again = _warm([twice, again.take(np.flatnonzero(again.at < START_MS + HOUR_MS))])
    chance = rng.random(len(failing.at))
    tried = failing.take(np.flatnonzero(chance < 0.15), is_final=False, status="timeout", finish="")
    tried.at = np.maximum(START_MS, tried.at - 20_000)
    failed = failing.take(np.flatnonzero(chance > 0.85), status="timeout", finish="")
    failing, tried, failed = _warm([failing.take(np.flatnonzero(chance <= 0.85)), tried, failed])
    tried.hashes = failed.hashes = []  # the data plane keeps them of answers alone
    truth = {
        _key(Category.PROMPT_CACHING, cold): float(warm.cached.sum()) * (rates["input"] - rates["cache_read"]),
        _key(Category.DUPLICATE_CACHING, twice): cost(again),
        _key(Category.RETRY_WASTE, failing): cost(tried),
        _key(Category.FAILED_CALLS, failing): cost(failed),
    }
    return Trace(view_of([*_warm([sound]), cold, twice, again, failing, tried, failed], 1), truth)


MODELS = (("chat-as-it-is", "gpt-5.4", 1), ("chat-cold", "gpt-5.2", 2), ("chat-twice", "gpt-4.1", 3),
          ("chat-failing", "gpt-5.1", 4))  # fmt: skip
"""Projects, models and numbers that keep their hashes apart."""


def _key(category: Category, calls: Batch) -> Key:
    return category, calls.profile.project, calls.profile.model


def _chats(project: str, model: str, number: int) -> Batch:
    """Every prompt: as many blocks as the last one that had so many, then its own."""
    with gzip.open(SHARED_DATA / "mooncake_2024" / "conversation_trace.csv.gz", "rt", newline="") as file:
        rows = [(int(row["timestamp_ms"]), int(row["input_tokens"]), int(row["output_tokens"]),
                 int(row["cacheable_prefix_tokens"])) for row in csv.DictReader(file)]  # fmt: skip
    hashes: list[tuple[int, ...]] = []
    longest: dict[int, tuple[int, ...]] = {}
    for index, (_, given, _, shared) in enumerate(rows):
        known = longest.get(-(-shared // BLOCK), ())[: -(-shared // BLOCK)]
        first = (number * 1_000_000 + index) * 1_000
        mine = (*known, *range(first, first + max(0, -(-given // BLOCK) - len(known))))
        hashes.append(mine)
        longest.update(dict.fromkeys(range(1, len(mine) + 1), mine))
    at, prompt, output, _ = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    profile = replace(CHAT, project=project, model=model, model_requested=model)
    return Batch.of(profile, START_MS + at, prompt, output, number * 1_000_000_000, hashes=hashes)


def _warm(batches: list[Batch]) -> list[Batch]:
    """With what the vendor's cache gives them, all of a project's calls in order of time; the gateway's limit of
    `KNOWN_BLOCKS` is none of the vendor's."""
    calls = [
        (at, number, row) for number, one in enumerate(batches) for row, at in enumerate(one.at.tolist())
    ]  # fmt: skip
    cached = [np.zeros(len(one.at), dtype=np.int64) for one in batches]
    used: dict[int, int] = {}
    for at, number, row in sorted(calls):
        mine = batches[number].hashes[row]
        shared = 0
        while shared < len(mine) and used.get(mine[shared], -WARM_MS - 1) >= at - WARM_MS:
            shared += 1
        tokens = min(shared * BLOCK, int(batches[number].input[row])) // STEP * STEP
        cached[number][row] = tokens if tokens >= LEAST else 0
        used.update(dict.fromkeys(mine, at))
    return [replace(one, cached=values) for one, values in zip(batches, cached, strict=True)]
