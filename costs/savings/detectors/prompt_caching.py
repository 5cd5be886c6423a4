"""Prompts that begin alike and are paid in full each time.

Evidence: hashes of successive 512-token prefixes (`prefix_hmacs`), replayed in order of time against a cache as the
vendor's is: entries live 5 minutes after their last use, prompts and what is kept of them have a minimum length, reads
cost the list's cached rate, and where the list has a dearer rate for writes (Anthropic) each write is paid. What a line
already read or wrote is left as it is. Vendors with a fee cache what is marked: the replay puts one mark at the depth
that saves most over the slice, or one at the end of every prompt (growing conversations), whichever saves more. The
others cache by themselves, in steps of 128 tokens, so there a proposal is about calls whose common prefix did not meet
the cache (`prompt_cache_key` keeps them together).

A block is 2,048 bytes of the prompt, not 512 tokens for sure, and what prompts share ends somewhere within the block
after the last one they share. A prompt of n whole blocks has between n and n + 1 of them, so b shared ones are taken
for input × (b + ½) ÷ (n + ½) tokens: right to half a block. The ends, input × b ÷ (n + 1) and input × (b + 1) ÷ n, are
the spread of the interval. Prompts beyond the hashed `MOST_BLOCKS` are taken at 512 tokens a block, half and twice as
many at the ends.

Never: slices that already read half of what they could (`CAPTURED`; what is left are the vendor's own misses), models
without a cheaper cached rate, prefixes below the minimum.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from costs.pricing import RateCard
from costs.pricing import meters as m
from costs.savings.candidates import Candidate, View, affected_of, percent, share
from costs.savings.lines import AUDIO_IN, CACHE_READ, INPUT, WRITE_1H, WRITE_5M, Lines
from costs.savings.prefixes import BLOCK_TOKENS
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import NOTHING, Apply, Part
from costs.savings.units import Ints
from costs.savings.words import figure

CAPTURED = 0.5
MOST_BLOCKS = 64
UNSURE = {-1: BLOCK_TOKENS // 2, 0: BLOCK_TOKENS, 1: 2 * BLOCK_TOKENS}
"""Tokens of a block of a prompt that was not hashed to its end: the least, the likely, the most."""
STEP_TOKENS = 128
LEAST_TOKENS = 1_024
LEAST: dict[str, int] = {
    "claude-haiku-4-5": 4_096, "claude-opus-4-5": 4_096, "claude-opus-4-6": 4_096, "claude-opus-4-7": 4_096,
    "claude-3-5-haiku-latest": 2_048, "claude-3-haiku": 2_048, "gemini-2.5-flash": 2_048,
    "gemini-2.5-flash-lite": 2_048, "gemini-2.5-pro": 4_096, "gemini-3-pro-preview": 4_096,
    "gemini-3.1-pro-preview": 4_096, "gemini-3.5-flash": 4_096, "gemini-3.6-flash": 4_096, "gemini-3.7-flash": 4_096,
    "gemini-3.8-flash": 4_096,
}  # fmt: skip
"""Longer minimums than the usual 1,024, the longer one where pages disagree:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching, https://ai.google.dev/gemini-api/docs/caching,
https://docs.litellm.ai/docs/completion/prompt_caching."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How prompts are cached: `depth` blocks of each (0: to the end of each); `step` of tokens, `least` of them."""

    depth: int
    least: int
    step: int = 1
    is_automatic: bool = False


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each project × endpoint × model whose prompts begin alike."""
    able = view.replayable & view.lines.where(lambda one: one.status == "ok") & (view.lines.blocks > 0)
    for part, _, rows in view.slices(able):
        cards = view.pricer.cards(view.target(rows))
        if not cards or not _is_cheaper_cached(cards[-1]):
            continue
        policy = _policy(view.lines, rows, cards[-1])
        read = _tokens(view.lines, rows, _hits(view.lines, rows, policy), policy)
        already = view.lines.tokens[CACHE_READ, rows]
        could = np.maximum(read, already)
        if not read.any() or int(already.sum()) > CAPTURED * int(could.sum()):
            continue
        where, whole = view.name(part.project), int(view.lines.tokens[INPUT, rows].sum())
        yield Candidate(
            change=Change(Category.PROMPT_CACHING, provider=part.provider, model=part.model,
                          settings=_settings(policy)),
            slice=part,
            title=f"Cache the prompts of {part.model} in {where}",
            rows=rows, apply=_cached(view.lines, policy), low=_cached(view.lines, policy, end=-1),
            high=_cached(view.lines, policy, end=1), effort=Effort.MEDIUM, risk=Risk.NONE,
            evidence=(
                figure(
                    "prefixes", f"{percent(share(int((read > 0).sum()), len(rows)))} of {len(rows):,} prompts begin "
                    "like one of the 5 minutes before: " f"{percent(share(int(read.sum()), whole))} of all input "
                    "tokens could be read from the cache.",
                    repeated=int((read > 0).sum()), calls=len(rows), cacheable_tokens=int(read.sum()),
                    input_tokens=whole, cacheable_share=share(int(read.sum()), whole),
                ),
                figure(
                    "today", f"{percent(share(int(already.sum()), whole))} of them are read from it today.",
                    cached_tokens=int(already.sum()),
                ),
            ),
            steps=_steps(policy),
            affected=affected_of(part),
        )  # fmt: skip


def _is_cheaper_cached(card: RateCard) -> bool:
    rates = card.tiers[-1].rates
    return m.INPUT in rates and rates[m.CACHE_READ].unit_price < rates[m.INPUT].unit_price


def _policy(lines: Lines, rows: Ints, card: RateCard) -> Policy:
    """The one that saves most over the slice by its base rates."""
    rates, name = card.tiers[-1].rates, (card.list_card or card).model
    least = LEAST.get(name, LEAST_TOKENS)
    fresh, cached = (float(rates[meter].unit_price) for meter in (m.INPUT, m.CACHE_READ))
    fee = float(rates[m.CACHE_WRITE_5M].unit_price) - fresh if m.CACHE_WRITE_5M in rates else 0.0
    if fee <= 0:
        return Policy(0, least, STEP_TOKENS, is_automatic=True)
    depths = np.unique(lines.seen[rows])
    wanted = [Policy(int(depth), least) for depth in depths if depth * BLOCK_TOKENS >= least] + [Policy(0, least)]

    def worth(policy: Policy) -> float:
        hits, writes = _hits(lines, rows, policy), _writes(lines, rows, policy)
        read, written = (_tokens(lines, rows, blocks, policy) for blocks in (hits, writes))
        return float(read.sum()) * (fresh - cached) - float(written.sum()) * fee

    return max(wanted, key=lambda policy: (worth(policy), policy.depth))


def _hits(lines: Lines, rows: Ints, policy: Policy) -> Ints:
    """Blocks that are read from the cache."""
    if policy.is_automatic:
        return lines.seen[rows]
    if policy.depth:
        return np.where(lines.seen[rows] >= policy.depth, policy.depth, 0)
    return lines.ended[rows]


def _writes(lines: Lines, rows: Ints, policy: Policy) -> Ints:
    """Blocks that are written to it for a fee, beyond those that are read."""
    if policy.is_automatic:
        return np.zeros(len(rows), dtype=np.int64)
    whole = lines.blocks[rows] if not policy.depth else np.where(lines.blocks[rows] >= policy.depth, policy.depth, 0)
    return whole - _hits(lines, rows, policy)


def _tokens(lines: Lines, rows: Ints, blocks: Ints, policy: Policy, end: int = 0) -> Ints:
    """How many tokens the first `blocks` of each prompt have; `end` -1, 1: the least and the most they can be."""
    whole, count = lines.tokens[INPUT, rows], np.maximum(lines.blocks[rows], 1)
    shared, parts = 2 * blocks + 1 + end, 2 * count + 1 - end  # half blocks
    hashed = UNSURE[end] * shared // 2
    tokens = np.where(count < MOST_BLOCKS, whole * shared // parts, hashed)
    tokens = np.where(blocks > 0, np.minimum(tokens, whole), 0) // policy.step * policy.step
    return np.where(tokens >= policy.least, tokens, 0)


def _cached(lines: Lines, policy: Policy, end: int = 0) -> Apply:
    """Prompts read and written as the policy says, where the line has no cached part yet."""

    def apply(part: Part) -> None:
        tokens = part.tokens
        plain = (tokens[CACHE_READ] + tokens[WRITE_5M] + tokens[WRITE_1H] == 0) & (part.target != NOTHING)
        room = tokens[INPUT] - tokens[AUDIO_IN]
        hits, writes = _hits(lines, part.rows, policy), _writes(lines, part.rows, policy)
        read = np.minimum(_tokens(lines, part.rows, hits, policy, end), room)
        both = np.minimum(_tokens(lines, part.rows, hits + writes, policy, end), room)
        tokens[CACHE_READ] += np.where(plain, read, 0)
        tokens[WRITE_5M] += np.where(plain & (writes > 0), np.maximum(both - read, 0), 0)

    return apply


def _settings(policy: Policy) -> dict[str, str]:
    if policy.is_automatic:
        return {"prompt_cache_key": "one for each common prefix"}
    depth = f"after about {policy.depth * BLOCK_TOKENS} tokens" if policy.depth else "at the end of the prompt"
    return {"cache_control": "ephemeral", "mark": depth}


def _steps(policy: Policy) -> tuple[str, ...]:
    if policy.is_automatic:
        return (
            "Put what all prompts share at their beginning, byte for byte the same.",
            "Send a prompt_cache_key for each common prefix, so that its calls meet the same cache.",
        )
    where = f"the first {policy.depth * BLOCK_TOKENS:,} tokens" if policy.depth else "the end of each prompt"
    return (
        f"Mark {where} with cache_control (ephemeral).",
        "Keep what stands before the mark byte for byte the same: no dates, no names.",
    )
