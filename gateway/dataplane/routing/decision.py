"""All of it together: rule, exclusions, tiers of priority, scores → the targets, in the order of trying."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.matcher import matching, unit_of, variant_of
from gateway.dataplane.routing.order import chances, ordered
from gateway.dataplane.routing.policy import Policy, Rule, Selector, Variant, Weights
from gateway.dataplane.routing.scorer import Scored, Signals, scored
from gateway.dataplane.views import Target

MAX_TOLD = 8
NO_QUALITY = "no target has enough quality scores, so quality does not count"
CAPABILITY_OF = {"image": "vision", "audio": "audio"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the matcher said of a call. Made once a call: a drawn arm must not be drawn again."""

    rule: Rule | None = None
    variant: Variant | None = None

    @property
    def use(self) -> Sequence[Selector]:
        return self.variant.use if self.variant is not None else self.rule.use if self.rule is not None else ()

    @property
    def mark(self) -> str:
        """Names rule and arm, for what must not be shared between them."""
        names = (self.rule.name if self.rule else "", self.variant.name if self.variant else "")
        return "\x00".join(names)


NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A target's place. `tier` counts groups of equals from 0; `chance` of being the first of all; `note` says why a
    target stands behind others that are not better."""

    scored: Scored
    tier: int
    chance: float
    note: str = ""

    @property
    def target(self) -> Target:
        return self.scored.target


@dataclass(frozen=True, slots=True)
class Excluded:
    """A target that is not tried, and why."""

    target: Target
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Targets in order, and how they got there."""

    strategy: str
    ranked: tuple[Ranked, ...]
    excluded: tuple[Excluded, ...] = ()
    rule: str | None = None
    variant: str | None = None
    note: str = ""
    """Why the order is not what the strategy's name promises."""

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(item.target for item in self.ranked)

    def as_line(self) -> dict[str, Any]:
        """What the ledger line keeps: at most `MAX_TOLD` targets of each sort."""
        found: dict[str, Any] = {"strategy": self.strategy}
        if self.rule is not None:
            found["rule"] = self.rule
        if self.variant is not None:
            found["variant"] = self.variant
        if self.note:
            found["note"] = self.note
        found["targets"] = [_told(item) for item in self.ranked[:MAX_TOLD]]
        if self.excluded:
            found["excluded"] = [
                {"provider": item.target.provider.slug, "model": item.target.name, "why": item.why}
                for item in self.excluded[:MAX_TOLD]
            ]
        return found


def _told(item: Ranked) -> dict[str, Any]:
    figures = {
        "score": item.scored.score,
        "cost": None if item.scored.price is None else format(item.scored.price.amount, "f"),
        "currency": None if item.scored.price is None else item.scored.price.currency,
        "latency_ms": None if item.scored.latency_ms is None else round(item.scored.latency_ms, 1),
        "in_flight": item.scored.in_flight,
        "quality": None if item.scored.quality is None else round(item.scored.quality, 4),
        "note": item.note or None,
    }
    named = {"provider": item.target.provider.slug, "model": item.target.name}
    return named | {name: value for name, value in figures.items() if value is not None}


def choose(facts: Facts, policy: Policy, rng: random.Random) -> Choice:
    """The rule that applies, and the arm of its split."""
    rule = matching(policy.rules, facts)
    if rule is None or not rule.split:
        return Choice(rule)
    return Choice(rule, variant_of(rule, facts, policy.alias or "", rng.random))


def decide(
    facts: Facts,
    candidates: Sequence[Target],
    policy: Policy,
    signals: Signals,
    rng: random.Random,
    *,
    choice: Choice,
    strategy: str | None = None,
    with_chances: bool = False,
) -> Decision:
    """Order `candidates`. `strategy` replaces the policy's.

    When every allowed target is barred for a moment, they stay, for the relay to say so. No target is left when a rule
    with `only` allows none of them.
    """
    rule, variant = choice.rule, choice.variant
    allowed, excluded = _allowed(candidates, rule, choice.use)
    open_ones = [(target, signals.obstacle(target)) for target in allowed]
    usable = [target for target, obstacle in open_ones if obstacle is None]
    if usable:
        excluded += [Excluded(target, obstacle) for target, obstacle in open_ones if obstacle is not None]
    weights = policy.weights_of(strategy or policy.strategy)
    decider = _Decider(facts, policy, signals, rng, weights, choice.use, with_chances)
    ranked = decider.ranked(usable or allowed)
    is_unscored = bool(weights.quality) and all(item.scored.quality is None for item in ranked)
    return Decision(
        strategy or policy.strategy,
        ranked,
        tuple(excluded),
        rule.name if rule is not None else None,
        variant.name if variant is not None else None,
        NO_QUALITY if is_unscored else "",
    )


def _allowed(
    candidates: Sequence[Target], rule: Rule | None, use: Sequence[Selector]
) -> tuple[list[Target], list[Excluded]]:
    """With `only` a rule's targets are the only ones, even when the catalogue has none of them left."""
    if rule is None or not rule.only:
        return list(candidates), []
    chosen = [target for target in candidates if _is_picked(target, use)]
    others = [target for target in candidates if not _is_picked(target, use)]
    return chosen, [Excluded(target, f"rule {rule.name}") for target in others]


def _is_picked(target: Target, use: Sequence[Selector]) -> bool:
    return any(selector.picks(target.provider.slug, target.name) for selector in use)


@dataclass(frozen=True, slots=True)
class _Decider:
    """The arguments that every step needs."""

    facts: Facts
    policy: Policy
    signals: Signals
    rng: random.Random
    weights: Weights
    use: Sequence[Selector]
    with_chances: bool

    def ranked(self, targets: Sequence[Target]) -> tuple[Ranked, ...]:
        notes = [self._note(target) for target in targets]
        keys = [
            (bool(note), bool(self.use) and not _is_picked(target, self.use), target.priority)
            for target, note in zip(targets, notes, strict=True)
        ]
        found: list[Ranked] = []
        places = sorted(range(len(targets)), key=lambda n: keys[n])
        for tier, (_, group) in enumerate(groupby(places, key=lambda n: keys[n])):
            members = list(group)
            note_of = {id(targets[n]): notes[n] for n in members}
            ranks = self._tier([targets[n] for n in members], tier)
            found += [replace(item, note=note) if (note := note_of[id(item.target)]) else item for item in ranks]
        return tuple(found)

    def _tier(self, targets: Sequence[Target], tier: int) -> list[Ranked]:
        items = scored(targets, self.weights, self.signals)
        is_live = self.weights.is_live
        order = ordered(items, self._draw, is_live=is_live)
        if tier or not self.with_chances:
            return [Ranked(item, tier, 0.0) for item in order]
        if self._identity is not None and not is_live:
            return [Ranked(item, tier, float(item is order[0])) for item in order]
        likely = dict(zip(map(id, items), chances(items, is_live=is_live), strict=True))
        return [Ranked(item, tier, likely[id(item)]) for item in order]

    @property
    def _identity(self) -> str | None:
        return self.facts.identity(self.policy.sticky) if self.policy.sticky else None

    def _draw(self, item: Scored) -> float:
        identity = self._identity
        if identity is None:
            return self.rng.random()
        target = item.target
        return unit_of(f"{self.policy.alias}\x00{identity}\x00{target.provider.id}\x00{target.name}")

    def _note(self, target: Target) -> str:
        """Why a target stands behind all that have no such reason: it would probably refuse."""
        if self.signals.is_cooling(target):
            return "asked for a pause"
        if target.context_tokens is not None and self.facts.prompt_tokens > target.context_tokens:
            return "prompt longer than its context"
        if target.capabilities:
            needs = {CAPABILITY_OF[kind] for kind in self.facts.modalities if kind in CAPABILITY_OF}
            if self.facts.has_tools:
                needs.add("tools")
            if lacking := sorted(needs - target.capabilities):
                return f"has no {lacking[0]}"
        return ""
