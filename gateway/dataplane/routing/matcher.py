"""Which rule applies to a call, and which arm of its experiment. The first rule whose conditions all hold."""

import hashlib
from collections.abc import Callable, Sequence

from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.policy import Rule, TagCondition, Variant, When


def matching(rules: Sequence[Rule], facts: Facts) -> Rule | None:
    """The first rule that applies; None without one."""
    return next((rule for rule in rules if holds(rule.when, facts)), None)


def holds(when: When, facts: Facts) -> bool:
    """Whether every condition holds. The cheap ones are asked first, the language last."""
    key = facts.call.key
    people = (
        (when.users, key.user if key else None),
        (when.teams, key.team if key else None),
        (when.projects, key.project if key else None),
        (when.api_keys, key.id if key else None),
        (when.endpoints, facts.call.endpoint.path),
    )
    return (
        all(not wanted or value in wanted for wanted, value in people)
        and when.streaming in (None, facts.is_stream)
        and (not when.end_users or facts.end_user in when.end_users)
        and all(_has_tag(condition, facts) for condition in when.tags)
        and when.tools in (None, facts.has_tools)
        and (when.min_prompt_tokens is None or facts.prompt_tokens >= when.min_prompt_tokens)
        and (when.max_prompt_tokens is None or facts.prompt_tokens <= when.max_prompt_tokens)
        and (not when.modalities or bool(when.modalities & facts.modalities))
        and (not when.languages or facts.language in when.languages)
    )


def _has_tag(condition: TagCondition, facts: Facts) -> bool:
    value = facts.tags.get(condition.key)
    return value is not None and (not condition.values or value in condition.values)


def variant_of(rule: Rule, facts: Facts, salt: str, draw: Callable[[], float]) -> Variant:
    """The arm of a split: the same for one caller as long as the weights stay, drawn for a caller without identity.

    Arms lie side by side on [0, 1) by weight; the last one grows at its neighbour's expense, so a canary that is listed
    last keeps its callers while it grows.
    """
    identity = facts.identity(rule.by)
    point = draw() if identity is None else unit_of(f"{salt}\x00{rule.name}\x00{identity}")
    total = sum(variant.weight for variant in rule.split)
    reached = 0.0
    for variant in rule.split:
        reached += variant.weight / total
        if point < reached:
            return variant
    return next(variant for variant in reversed(rule.split) if variant.weight)  # the sum was rounded below 1


def unit_of(text: str) -> float:
    """A text's place on [0, 1), evenly spread and always the same."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
