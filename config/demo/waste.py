"""The waste that is planted in the demo company, and how it would be undone. Pure; of the search for savings only the
names of categories are used.

A plant turns one sound workload into a wasteful one and knows how to undo that, call by call. Where a project has
several, each is undone in what the one before has left, so that the savings of a project add up (`config.demo.truth`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from config.demo import calls as c
from config.demo.calls import Calls, Flags
from config.demo.company import MODEL_NAMES, Company
from config.demo.workloads import WORKLOADS, Workload
from costs.savings.proposals import Category

KEPT_MS = 3_600_000
"""How long an answer could have been kept."""
PREFIX_MS = 300_000
"""How long vendors keep a prompt's start after its last use (5 minutes)."""
BLOCK_TOKENS = 512
VARIED = ("repeats", "runaway", "overfilled", "paid_retries", "paid_failures")
VARIATION = 0.2
"""Shares of what goes wrong differ between seeds by up to this."""

Undo = Callable[[Calls, Workload], Calls]
"""The same calls without the waste, `Workload` being the sound one. What would not be there has no tokens."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """How one kind of waste is undone. `is_batch`: the calls stay, and cost what a batch costs."""

    category: Category
    undo: Undo = lambda calls, sound: calls
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Plant:
    """What is wasteful in a project: fields of its `Workload` that differ from the sound one, and the remedies in the
    order in which they are made."""

    project: str
    remedies: tuple[Remedy, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)


# ---- how waste is undone -------------------------------------------------------------------------------------------
def served_by(model: str, calls: Calls, sound: Workload) -> Calls:
    """By another model; attempts that no model answered stay."""
    return calls.changed(served=np.where(calls.served < 0, calls.served, MODEL_NAMES.index(model)))


def once(calls: Calls, sound: Workload) -> Calls:
    """Each question once, as long as its answer is kept after it was complete."""
    order = np.lexsort((calls.ms, calls.stream, calls.hmac))
    asked, until = (-1, False), 0
    again = np.zeros(len(calls), dtype=np.bool_)
    fine = (calls.status == c.OK) & calls.final
    for row in order[fine[order]].tolist():
        question = int(calls.hmac[row]), bool(calls.stream[row])
        again[row] = question == asked and calls.ms[row] < until
        if not again[row]:
            whole = calls.finish[row] != c.LENGTH
            asked, until = question, int(calls.ms[row] + calls.duration[row]) + KEPT_MS if whole else 0
    return without(calls, again)


def read_from_cache(calls: Calls, sound: Workload) -> Calls:
    """The shared start of each prompt is written once and read while it is warm."""
    fine = (calls.status == c.OK) & (calls.cached == 0) & (calls.written == 0)
    start = np.minimum(sound.shared_blocks * BLOCK_TOKENS, calls.input)
    warm = np.zeros(len(calls), dtype=np.bool_)
    order = np.argsort(calls.ms, kind="stable")
    order = order[calls.status[order] == c.OK]
    warm[order[1:]] = np.diff(calls.ms[order]) <= PREFIX_MS
    has_fee = sound.writes > 0
    return calls.changed(
        cached=np.where(fine & warm, start, calls.cached),
        written=np.where(fine & ~warm & has_fee, start, calls.written),
    )


def ended_in_time(calls: Calls, sound: Workload) -> Calls:
    """Answers end at the sound limit."""
    return calls.changed(output=np.minimum(calls.output, sound.max_tokens or calls.output))


def thought_less(left: float, calls: Calls, sound: Workload) -> Calls:
    """This share of the thinking is left."""
    gone = (calls.reasoning * (1 - left)).astype(np.int64)
    return calls.changed(reasoning=calls.reasoning - gone, output=calls.output - gone)


def within(bound: int, calls: Calls, sound: Workload) -> Calls:
    """Prompts that were filled up beyond the bound end there."""
    return calls.changed(input=np.minimum(calls.input, bound))


def not_made_twice(calls: Calls, sound: Workload) -> Calls:
    """Attempts that were given up and billed are not there."""
    return without(calls, ~calls.final & (calls.status == c.TIMEOUT))


def not_failed(calls: Calls, sound: Workload) -> Calls:
    """Requests that timed out and were billed are not there."""
    return without(calls, calls.final & (calls.status == c.TIMEOUT))


def without(calls: Calls, which: Flags) -> Calls:
    """These calls consume nothing."""
    nothing = ("input", "cached", "written", "output", "reasoning", "tool_calls")
    return calls.changed(**{name: np.where(which, 0, getattr(calls, name)) for name in nothing})


# ---- the plants ----------------------------------------------------------------------------------------------------
TENDER_BOUND = 200_000
"""Input tokens above which gemini-2.5-pro costs more for every token."""
NEEDED_THOUGHT = (0.4, 0.55)
"""Which share of its thinking parts-matching needs; another one for each seed."""


def plants(seed: int) -> tuple[Plant, ...]:
    """What is planted. Figures differ a little between seeds."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *b"waste"])))
    needed = float(rng.uniform(*NEEDED_THOUGHT))
    batch = Remedy(Category.BATCH, is_batch=True)
    duplicates = Remedy(Category.DUPLICATE_CACHING, once)
    found = (
        Plant("ticket-triage", (Remedy(Category.CHEAPER_MODEL, partial(served_by, "gpt-5.4-mini")),),
              {"model": "gpt-5.4"}),
        Plant("incident-analysis", (Remedy(Category.CHEAPER_PROVIDER, partial(served_by, "deepseek.r1-v1:0")),),
              {"model": "deepseek/deepseek-r1"}),
        Plant("answer-search", (Remedy(Category.PROMPT_CACHING, read_from_cache),), {"cached": 0.0, "writes": 0.0}),
        Plant("docs-search", (duplicates,), {"repeats": 0.42}),
        Plant("translation", (duplicates,), {"repeats": 0.75, "pool": 15}),
        Plant("contract-extraction", (duplicates, batch), {"profile": "night", "repeats": 0.3, "pool": 60}),
        Plant("voice-of-customer", (Remedy(Category.OUTPUT_LENGTH, ended_in_time), batch),
              {"profile": "dawn", "max_tokens": 16_384, "runaway": 0.09}),
        Plant("parts-matching", (Remedy(Category.REASONING_EFFORT, partial(thought_less, needed)),),
              {"output": (60, 0.5), "reasoning": 2_100}),
        Plant("tender-review", (Remedy(Category.TIER_BOUNDARY, partial(within, TENDER_BOUND)),),
              {"overfilled": 0.8, "bound": TENDER_BOUND}),
        Plant("code-review", (Remedy(Category.RETRY_WASTE, not_made_twice),), {"paid_retries": 0.11}),
        Plant("fleet-telemetry", (Remedy(Category.RETRY_WASTE, not_made_twice),)),
        Plant("site-survey", (Remedy(Category.FAILED_CALLS, not_failed),), {"paid_failures": 0.22}),
    )  # fmt: skip
    return tuple(replace(plant, changes=_varied(plant.changes, rng)) for plant in found)


def _varied(changes: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    factors = {name: float(rng.uniform(1 - VARIATION, 1 + VARIATION)) for name in VARIED if name in changes}
    return {**changes, **{name: changes[name] * factor for name, factor in factors.items()}}


@lru_cache(maxsize=8)
def _wasteful(seed: int) -> tuple[Workload, ...]:
    changes = {plant.project: plant.changes for plant in plants(seed)}
    return tuple(replace(workload, **changes.get(workload.project, {})) for workload in WORKLOADS)


def workloads_of(company: Company) -> tuple[Workload, ...]:
    """What its projects send: with the waste, or, in a clean company, without."""
    return WORKLOADS if company.is_clean else _wasteful(company.seed)
