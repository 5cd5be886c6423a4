"""What one project sends on one day: requests, then the attempts they become, then the story's events. Pure.

Every day and project has its own random stream, seeded by (seed, date, project), so a day is the same whether it is
made alone or among 90, and in whatever process.
"""

import math
from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np

from config.demo import calls as c
from config.demo import story
from config.demo.calls import Calls, Floats, Ints, join
from config.demo.company import FALLBACK, MODEL_NAMES, PILOT_KEY, RUNAWAY_KEY, Company
from config.demo.prices import Prices
from config.demo.story import Calendar
from config.demo.workloads import EMBEDDINGS, PROFILES, SPEED, WORKLOADS, Workload
from gateway.ledger.ids import ms_of

DAY_MS = 86_400_000
MINUTE_MS = 60_000
BLOCK_TOKENS = 512
LONGEST_ANSWER = 120_000
RETRY_MARGIN_MS = 200_000
"""Requests keep this distance from midnight, so that their earlier attempts fall on the same day."""
# Shares of requests that do not simply succeed, on a normal day.
RETRIED, REFUSED, TIMED_OUT, LEFT = 0.009, 0.006, 0.0015, 0.004
GIVEN_UP_MS = 20_000
"""When clients with paid retries give up, and ask again a second later."""
ABOVE = 0.08
"""How far above its bound an overfilled prompt lies at most."""

Generator = np.random.Generator


def stream(company: Company, day: date, project: str, purpose: str = "") -> Generator:
    """The random stream of a project's day."""
    words = [company.seed, day.toordinal(), *f"{project}/{purpose}".encode()]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def volume(workload: Workload, calendar: Calendar, before: int) -> float:
    """Expected requests of a day: growth, weekday and nothing else."""
    weekend = workload.weekend if calendar.day(before).weekday() >= 5 else 1.0
    return workload.daily * weekend * math.exp(-story.GROWTH_PER_DAY * before)


def day_calls(company: Company, workload: Workload, before: int) -> Calls:
    """All attempts of a project on the day `before` days before the last, in no particular order."""
    calendar = company.calendar
    rng = stream(company, calendar.day(before), workload.project)
    count = int(rng.poisson(volume(workload, calendar, before)))
    if workload.project == PILOT_KEY[0] and before > story.PILOT:
        count = count * 2 // 5  # before the pilot only the nightly key is in use
    requests = _requests(company, workload, before, count, rng)
    if before <= story.CACHE_LOSS and workload.project == "dev-copilot":
        requests = requests.changed(cached=0, shared=0)
    parts = [_with_failures(requests, workload, company, before, rng)]
    if workload.project == RUNAWAY_KEY[0] and before in (story.RUNAWAY, story.RUNAWAY - 1):
        parts.append(_runaway(company, workload, before))
    if workload.project == "fleet-telemetry" and before in story.RETRY_STORM and not company.is_clean:
        parts.append(_retry_storm(company, workload, before))
    if workload.project == PILOT_KEY[0] and before <= story.PILOT:
        parts = [_within_budget(company, workload, before, join(parts))]
    return join(parts)


# ---- plain requests ------------------------------------------------------------------------------------------------
def _lognormal(rng: Generator, median: float, sigma: float, count: int) -> Floats:
    return median * np.exp(sigma * rng.standard_normal(count))


def _times(rng: Generator, profile: str, midnight: int, count: int) -> Ints:
    """Ascending Unix milliseconds: by the profile's hours, evenly within each."""
    weights = np.array(PROFILES[profile])
    hour = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(count), side="right").clip(0, 23)
    ms = ((hour + rng.random(count)) * 3_600_000).astype(np.int64)
    return midnight + np.sort(ms.clip(RETRY_MARGIN_MS, DAY_MS - 1))


def _key_indexes(company: Company, project: str, before: int) -> Ints:
    """Keys of a project that are in use on a day, the busiest first."""
    used = [
        index
        for index, key in enumerate(company.keys)
        if key.project == project and key.is_used and key.created >= before and (project, key.name) != RUNAWAY_KEY
    ]
    return np.array(used, dtype=np.int64)


def _requests(company: Company, workload: Workload, before: int, count: int, rng: Generator) -> Calls:
    """Requests as if every one succeeded at the first attempt."""
    midnight = ms_of(company.calendar.midnight(before))
    keys = _key_indexes(company, workload.project, before)
    rank = np.cumsum(1 / np.arange(1, len(keys) + 1))
    key = keys[np.searchsorted(rank / rank[-1], rng.random(count), side="right").clip(0, len(keys) - 1)]
    users = np.array([c.NONE if entry.user is None else entry.user for entry in company.keys], dtype=np.int64)
    served = _served(workload, before)
    tokens = _tokens(workload, count, rng)
    _overfill(tokens, company, workload, before)
    if served != workload.model:
        tokens |= {"output": tokens["output"] - tokens["reasoning"], "reasoning": 0 * tokens["reasoning"]}
    model = MODEL_NAMES.index(served)
    stream_share = rng.random(count) < workload.stream
    ms = _times(rng, workload.profile, midnight, count)
    duration, ttft = _latency(model, ms, tokens, stream_share, rng)
    finish = np.where(tokens["output"] == (workload.max_tokens or c.NONE), c.LENGTH, c.STOP)
    uses_tools = (rng.random(count) < 0.22) & (workload.tools > 0) & (finish == c.STOP)
    return Calls(
        ms=ms,
        request=np.arange(count, dtype=np.int64),
        final=np.ones(count, dtype=np.bool_),
        attempt=np.ones(count, dtype=np.int64),
        key=key,
        user=users[key],
        end_user=_end_users(workload, count, rng),
        tag=(rng.random(count) * len(workload.tags)).astype(np.int64) if workload.tags else np.full(count, c.NONE),
        stream=stream_share,
        served=np.full(count, model, dtype=np.int64),
        status=np.zeros(count, dtype=np.int64),
        tool_calls=np.where(uses_tools, 1 + (rng.random(count) * 2).astype(np.int64), 0),
        duration=duration,
        ttft=ttft,
        finish=np.where(uses_tools, c.TOOL_CALLS, finish),
        messages=1 + (rng.random(count) * (9 if workload.stream else 2)).astype(np.int64),
        hmac=_fingerprints(company, workload, before, tokens, rng),
        salt=rng.integers(0, 1 << 62, count, dtype=np.int64),
        **tokens,  # last: repeated requests have taken their lengths by now
    )


def _served(workload: Workload, before: int) -> str:
    switched = workload.route == "support-chat" and before <= story.MODEL_SWITCH
    return story.SWITCHED_TO if switched else workload.model


def _tokens(workload: Workload, count: int, rng: Generator) -> dict[str, Ints]:
    """Token columns; cached and written tokens lie within the shared start of the prompt."""
    shared = workload.shared_blocks * BLOCK_TOKENS
    whole = _inputs(workload, count, rng)
    longest = workload.max_tokens or LONGEST_ANSWER
    answer = np.rint(_lognormal(rng, workload.output[0], workload.output[1], count)).astype(np.int64)
    thought = np.rint(_lognormal(rng, workload.reasoning, 0.7, count)).astype(np.int64)
    if workload.endpoint == EMBEDDINGS:
        output = thought = np.zeros(count, dtype=np.int64)
    else:
        thought = thought.clip(0, longest // 2)
        output = (answer.clip(1) + thought).clip(1, longest)
    chance = rng.random(count)
    return {
        "input": whole,
        "cached": np.where(chance < workload.cached, shared, 0),
        "written": np.where(chance > 1 - workload.writes, shared, 0),
        "output": output,
        "reasoning": thought,
        "shared": np.full(count, workload.shared_blocks, dtype=np.int64),
    }


def _inputs(workload: Workload, count: int, rng: Generator) -> Ints:
    shared = workload.shared_blocks * BLOCK_TOKENS
    own = np.rint(_lognormal(rng, workload.input[0] - shared, workload.input[1], count)).astype(np.int64)
    return (own + shared).clip(4, workload.longest_input)


def _overfill(tokens: dict[str, Ints], company: Company, workload: Workload, before: int) -> None:
    """Prompts that somebody filled up beyond a bound of the price list, and answers that do not end."""
    if not workload.overfilled and not workload.runaway:
        return
    rng, count = stream(company, company.calendar.day(before), workload.project, "overfilled"), len(tokens["input"])
    which, chosen = rng.random((2, count)) < [[workload.overfilled], [workload.runaway]]
    above = (workload.bound * (1 + ABOVE * rng.random(count))).astype(np.int64) + 1
    tokens["input"] = np.where(which, above, tokens["input"])
    tokens["output"] = np.where(chosen, workload.max_tokens or LONGEST_ANSWER, tokens["output"])


def _latency(model: int, ms: Ints, tokens: dict[str, Ints], streamed: c.Flags, rng: Generator) -> tuple[Floats, Floats]:
    """Total and first-token milliseconds; a quarter slower at midday than at night. Reasoning comes before the first
    token that is seen. Without a stream there is no first token to time (NaN), as on the data plane."""
    first, rate = SPEED[MODEL_NAMES[model]]
    hour = (ms % DAY_MS) / 3_600_000
    load = 1 + 0.25 * np.exp(-(((hour - 13.5) / 4.5) ** 2))
    begun = _lognormal(rng, first, 0.32, len(ms)) * load
    token_ms = 1000 / (_lognormal(rng, rate, 0.22, len(ms)) / load)
    total = begun + tokens["output"] * token_ms
    first_token: Floats = np.where(streamed, begun + tokens["reasoning"] * token_ms, np.nan)
    return np.round(total, 1), np.round(first_token, 1)


def _end_users(workload: Workload, count: int, rng: Generator) -> Ints:
    """A few end users send much, most send little."""
    if not workload.end_users:
        return np.full(count, c.NONE, dtype=np.int64)
    return (workload.end_users * rng.random(count) ** 2.2).astype(np.int64)


def _fingerprints(company: Company, workload: Workload, before: int, tokens: dict[str, Ints], rng: Generator) -> Ints:
    """A number a request; equal numbers are requests that are equal byte for byte (within an ISO week), so that their
    prompts are made equally long."""
    count = len(tokens["input"])
    fresh = rng.integers(1 << 40, 1 << 62, count, dtype=np.int64)
    if not workload.repeats:
        return fresh
    day = company.calendar.day(before)
    week = day.isocalendar()
    question = (workload.pool * rng.random(count) ** 3).astype(np.int64)
    asked = rng.random(count) < workload.repeats
    monday = date.fromisocalendar(week.year, week.week, 1)
    long = _inputs(workload, workload.pool, stream(company, monday, workload.project, "pool"))
    tokens["input"] = np.where(asked, long[question], tokens["input"])
    return np.where(asked, (week.year * 100 + week.week) * 1_000_000 + question, fresh)


# ---- what goes wrong -----------------------------------------------------------------------------------------------
def _with_failures(requests: Calls, workload: Workload, company: Company, before: int, rng: Generator) -> Calls:
    """Ordinary trouble, then the outage: final outcomes, and the failed attempts before them."""
    chance = rng.random(len(requests))
    edges = np.cumsum([REFUSED, TIMED_OUT, LEFT, RETRIED])
    refused, timed_out, left, retried = (
        (chance >= low) & (chance < high) for low, high in zip([0.0, *edges[:-1]], edges, strict=True)
    )
    calls = _ended(requests, refused, c.CLIENT_ERROR, duration=45.0)
    calls = _ended(calls, timed_out, c.TIMEOUT, duration=120_000.0)
    calls = _cancelled(calls, left & requests.stream, rng)
    down = _in_outage(requests, company, before) & (rng.random(len(requests)) < story.OUTAGE_SHARE)
    first_tries = _retried(calls, retried & ~down)
    calls, given_up = _paid_trouble(calls, workload, company, before, ~down & ~retried)
    parts = [*(_outage(calls, down, workload) if down.any() else [calls]), first_tries, given_up]
    return join(parts)


def _paid_trouble(
    calls: Calls, workload: Workload, company: Company, before: int, among: c.Flags
) -> tuple[Calls, Calls]:
    """Requests that time out after their prompt was read and billed; attempts that were given up while they went on,
    and billed too."""
    rng = stream(company, company.calendar.day(before), workload.project, "paid trouble")
    chance, fine = rng.random(len(calls)), among & (calls.status == c.OK)
    failed = fine & (chance < workload.paid_failures)
    again = fine & (chance >= 1 - workload.paid_retries)
    nothing = {name: np.where(failed, 0, getattr(calls, name)) for name in ("output", "reasoning", "tool_calls")}
    ended = calls.changed(
        **nothing,
        status=np.where(failed, c.TIMEOUT, calls.status),
        finish=np.where(failed, c.NO_FINISH, calls.finish),
        duration=np.where(failed, 120_000.0, calls.duration),
        ttft=np.where(failed, np.nan, calls.ttft),
        attempt=np.where(again, 2, calls.attempt),
    )
    given_up = calls.take(again)
    return ended, given_up.changed(
        ms=given_up.ms - GIVEN_UP_MS - 1_000, final=False, status=c.TIMEOUT, finish=c.NO_FINISH,
        duration=float(GIVEN_UP_MS), ttft=np.nan,
    )  # fmt: skip


def _ended(calls: Calls, which: c.Flags, status: int, duration: float) -> Calls:
    """Mark requests as failed with nothing consumed."""
    failed = calls.without_usage()
    columns = ("input", "cached", "written", "output", "reasoning", "tool_calls", "finish")
    mixed = {name: np.where(which, getattr(failed, name), getattr(calls, name)) for name in columns}
    return calls.changed(
        **mixed,
        status=np.where(which, status, calls.status),
        duration=np.where(which, duration, calls.duration),
        ttft=np.where(which, np.nan, calls.ttft),
    )


def _cancelled(calls: Calls, which: c.Flags, rng: Generator) -> Calls:
    """The client left in mid-stream: a part of the answer was made and is paid."""
    part = rng.random(len(calls))
    output = np.maximum(1, (calls.output * part).astype(np.int64))
    return calls.changed(
        status=np.where(which, c.CANCELLED, calls.status),
        output=np.where(which, output, calls.output),
        reasoning=np.where(which, np.minimum(calls.reasoning, output), calls.reasoning),
        tool_calls=np.where(which, 0, calls.tool_calls),
        finish=np.where(which, c.NO_FINISH, calls.finish),
        duration=np.where(which, np.round(calls.ttft + (calls.duration - calls.ttft) * part, 1), calls.duration),
    )


def _failed_before(calls: Calls, attempt: int, lead_ms: int) -> Calls:
    """Attempts that failed `lead_ms` before the given ones, of the same requests."""
    return calls.without_usage().changed(
        ms=calls.ms - lead_ms, final=False, attempt=attempt, status=c.UPSTREAM_ERROR, duration=180.0, ttft=np.nan
    )


def _retried(calls: Calls, which: c.Flags) -> Calls:
    """The failed first attempts of requests whose (numbered) second attempt ended as it stands in `calls`."""
    calls.attempt[which] = 2
    return _failed_before(calls.take(which), 1, 700)


def _in_outage(calls: Calls, company: Company, before: int) -> c.Flags:
    if before != story.OUTAGE:
        return np.zeros(len(calls), dtype=np.bool_)
    minute = (calls.ms % DAY_MS) // MINUTE_MS
    start, end = story.OUTAGE_MINUTES
    provider_is_openai = np.isin(calls.served, [MODEL_NAMES.index(name) for name in OPENAI_MODELS])
    return (minute >= start) & (minute < end) & provider_is_openai


OPENAI_MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-4o-mini", "gpt-4.1", "text-embedding-3-small")


def _outage(calls: Calls, down: c.Flags, workload: Workload) -> list[Calls]:
    """Two failed attempts and a last one: on the route's other target it succeeds, without a route it fails too."""
    hit = calls.take(down)
    if workload.route:
        hit = hit.changed(served=MODEL_NAMES.index(FALLBACK), attempt=3, reasoning=0, cached=0)
        last = hit.changed(output=np.maximum(1, hit.output))
    else:
        last = hit.without_usage().changed(status=c.UPSTREAM_ERROR, attempt=3, duration=180.0, ttft=np.nan)
    failed = calls.take(down)
    return [calls.take(~down), last, _failed_before(failed, 1, 2_900), _failed_before(failed, 2, 2_100)]


# ---- the story's own traffic ---------------------------------------------------------------------------------------
def _runaway(company: Company, workload: Workload, before: int) -> Calls:
    """An agent in a loop: a request every few seconds, each prompt longer than the last, until the key is revoked."""
    calendar = company.calendar
    rng = stream(company, calendar.day(story.RUNAWAY), workload.project, "runaway")
    start = ms_of(calendar.midnight(story.RUNAWAY)) + story.RUNAWAY_START_MINUTE * MINUTE_MS
    end = ms_of(calendar.revoked_at)
    loop = _requests(company, workload, story.RUNAWAY, story.RUNAWAY_REQUESTS, rng)
    position = np.sort(rng.random(len(loop)))
    index = next(i for i, key in enumerate(company.keys) if (key.project, key.name) == RUNAWAY_KEY)
    loop = loop.changed(
        ms=(start + position * (end - start)).astype(np.int64),
        request=RUNAWAY_BASE + loop.request,
        key=index,
        user=company.keys[index].user,
        input=(2_000 + 70_000 * position).astype(np.int64),
        cached=0,
        shared=0,
        messages=(3 + 400 * position).astype(np.int64),
        tag=c.NONE,
    )
    midnight = ms_of(calendar.midnight(before))
    return loop.take((loop.ms >= midnight) & (loop.ms < midnight + DAY_MS))


RUNAWAY_BASE = 10_000_000
STORM_BASE = 20_000_000


def _retry_storm(company: Company, workload: Workload, before: int) -> Calls:
    """The client's own time-out is 2 s: four attempts are given up and billed, the fifth is kept."""
    calendar = company.calendar
    rng = stream(company, calendar.day(before), workload.project, "storm")
    plain = _requests(company, workload, before, 260, rng)
    start, end = story.STORM_MINUTES
    midnight = ms_of(calendar.midnight(before))
    ms = midnight + ((start + (end - start) * np.sort(rng.random(len(plain)))) * MINUTE_MS).astype(np.int64)
    plain = plain.changed(ms=ms, request=STORM_BASE + plain.request, attempt=5)
    given_up = [
        plain.changed(
            ms=ms - (5 - attempt) * 2_500, final=False, attempt=attempt, status=c.TIMEOUT, duration=2_000.0,
            ttft=np.nan, finish=c.NO_FINISH,
        )
        for attempt in range(1, 5)
    ]  # fmt: skip
    return join([plain, *given_up])


# ---- the budget ----------------------------------------------------------------------------------------------------
def _pilot_rows(company: Company, calls: Calls) -> c.Flags:
    index = next(i for i, key in enumerate(company.keys) if (key.project, key.name) == PILOT_KEY)
    return calls.key == index


@lru_cache(maxsize=8)
def budget_gone_at(company: Company) -> int:
    """Unix millisecond at which the pilot key's budget is used up: the start of the first request behind it."""
    workload = next(entry for entry in WORKLOADS if entry.project == PILOT_KEY[0])
    left = int(story.PILOT_BUDGET * 10**10)
    for before in range(story.PILOT, -1, -1):
        rng = stream(company, company.calendar.day(before), workload.project)
        count = int(rng.poisson(volume(workload, company.calendar, before)))
        calls = _with_failures(_requests(company, workload, before, count, rng), workload, company, before, rng)
        calls = calls.take(_pilot_rows(company, calls))
        calls = calls.take(np.argsort(calls.ms, kind="stable"))
        spent = np.cumsum(Prices.of(company, before).cost(calls))
        if len(spent) and spent[-1] >= left:
            return int(calls.ms[np.searchsorted(spent, left)]) + 1
        left -= int(spent[-1]) if len(spent) else 0
    return ms_of(datetime.max.replace(tzinfo=UTC))


def _within_budget(company: Company, workload: Workload, before: int, calls: Calls) -> Calls:
    """From the moment the budget is gone the pilot key's requests are denied."""
    denied = _pilot_rows(company, calls) & (calls.ms >= budget_gone_at(company))
    kept, refused = calls.take(~denied), calls.take(denied & calls.final)
    refused = refused.without_usage().changed(
        status=c.DENIED, served=c.NONE, attempt=1, duration=1.2, ttft=np.nan, shared=0
    )
    return join([kept, refused])
