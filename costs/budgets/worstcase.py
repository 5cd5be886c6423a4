"""The most a call can cost before it is made: an upper bound of its input and its output, at the dearest rate."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, localcontext
from typing import TYPE_CHECKING, Any

from costs.budgets import money
from costs.pricing import Rate, RateCard, RateTier, price_with
from costs.pricing.meters import INPUT_METERS, OUTPUT_METERS, REQUEST
from gateway.dataplane import mediausage
from gateway.dataplane.endpoints import OPENAI_EMBEDDINGS

if TYPE_CHECKING:
    from costs.pricer import BookPricer
    from gateway.dataplane.call import Call
    from gateway.dataplane.views import Target

IMAGE_TOKENS = 48_169
"""The dearest image: 8 tiles of gpt-4o-mini, 2833 + 8 x 5667 tokens (OpenAI, "Images and vision", cost calculation)."""
TOOLS_TOKENS = 800
"""Prompts that vendors add when tools are given (Anthropic, "Tool use", pricing: up to 804 tokens)."""
STATE_TOKENS = 128_000
"""What the vendor may add when the call continues a conversation that the vendor keeps."""
STATE_FIELDS = ("previous_response_id", "conversation", "prompt")
WITHOUT_OUTPUT = frozenset({OPENAI_EMBEDDINGS})
MAX_CHOICES = 128
NOBODY: frozenset[str] = frozenset()
_IMAGE = re.compile(rb"data:image/[a-z0-9.+-]{1,20};base64,[A-Za-z0-9+/=]*")
_STANDARD_TIERS = frozenset({"auto", "default", "standard", "standard_only", "global"})
_ASKED = {"service_tier": "service_tier", "speed": "speed", "region": "inference_geo"}
"""What chooses a price → the field of the call that asks for it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A card's dearest rates as integers of 1e-24 currency units, by tier: the bound of `costs.pricing.upper_bound`
    without its decimal arithmetic."""

    card: RateCard
    tiers: tuple[tuple[int, int, int, int], ...]
    """`(above_tokens, input, output, rest)`: two rates a token, and what a call costs besides, rounding included."""
    prices_input: bool
    prices_output: bool
    """Whether every tier says what such a token costs."""

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Ticks, rounded up."""
        _, into, out, rest = self.tiers[-1]
        most = into * input_tokens + out * output_tokens + rest
        for above, into, out, rest in self.tiers[:-1]:
            if above < input_tokens:
                most = max(most, into * input_tokens + out * output_tokens + rest)
        return -(-most // _FINE_PER_TICK)


_FINE = 24
_FINE_PER_TICK = 10 ** (_FINE - 10)
_known: dict[int, Bounds] = {}
MAX_KNOWN = 4096


def bounds_of(card: RateCard) -> Bounds:
    """Remembered by the card's identity; the card is kept with it, so that no other one can get its place."""
    known = _known.get(id(card))
    if known is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        tiers = tuple(map(_bound_of_tier, card.tiers))
        known = Bounds(card, tiers, _has_rates(card, INPUT_METERS), _has_rates(card, OUTPUT_METERS))
        _known[id(card)] = known
    return known


def _has_rates(card: RateCard, meters: Iterable[str]) -> bool:
    return all(any(name in tier.rates for name in meters) for tier in card.tiers)


def _bound_of_tier(tier: RateTier) -> tuple[int, int, int, int]:
    into, out = ([tier.rates[name] for name in names if name in tier.rates] for names in (INPUT_METERS, OUTPUT_METERS))
    finer = sum(not _is_whole(rate) for rate in (*into, *out))
    rounding = finer * _FINE_PER_TICK // 2  # a charge at such a rate is rounded, by half a tick at the most
    request = tier.rates.get(REQUEST)
    return tier.above_tokens, _dearest(into), _dearest(out), rounding + (_dearest([request]) if request else 0)


def _is_whole(rate: Rate) -> bool:
    """Whether a token costs a whole number of ticks."""
    with localcontext(prec=60):
        return rate.unit_price.scaleb(10) % 1 == 0


def _dearest(rates: Sequence[Rate]) -> int:
    with localcontext(prec=60):
        return max((int(rate.unit_price.scaleb(_FINE).to_integral_value(ROUND_CEILING)) for rate in rates), default=0)


@dataclass(frozen=True, slots=True)
class Worst:
    """A call's bound as a function of the output cap. `unpriced`: names of targets without a known price."""

    input_tokens: int
    choices: int
    cards: tuple[RateCard, ...]
    unpriced: frozenset[str] = frozenset()

    def cost(self, output_tokens: int) -> int:
        """Ticks that a call with at most so many output tokens a choice can cost, at the dearest of its targets."""
        output, found = output_tokens * self.choices, 0
        for card in self.cards:
            found = max(found, bounds_of(card).cost(self.input_tokens, output))
        return found

    def fitting(self, money: int, most: int) -> int:
        """The largest output cap up to `most` that costs no more than `money`; 0 when not even one token fits."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.cost(middle) <= money else (low, middle - 1)
        return low


def worst_case(call: "Call", pricer: "BookPricer", at: datetime, targets: "Iterable[Target] | None" = None) -> Worst:
    """Bound of `call` over its candidates. `at`: when the attempt starts."""
    if call.endpoint.is_media:
        return _worst_of_media(call, pricer, at, call.candidates if targets is None else targets)
    cards: list[RateCard] = []
    unpriced = []
    for target in call.candidates if targets is None else targets:
        found = _cards(target, pricer, at, call)
        if not found:
            unpriced.append(target.name)
        cards += [card for card in found if not any(card is known for known in cards)] if cards else found
    return Worst(
        input_bound(call), _choices(call.fields), tuple(cards), frozenset(unpriced) if unpriced else NOBODY
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settled(Worst):
    """A bound that no output cap lowers, in ticks: of images, audio and moderations."""

    ticks: int = 0

    def cost(self, output_tokens: int) -> int:
        return self.ticks

    def fitting(self, money: int, most: int) -> int:
        return most if self.ticks <= money else 0


def _worst_of_media(call: "Call", pricer: "BookPricer", at: datetime, targets: "Iterable[Target]") -> Settled:
    most, cards, unpriced, key = mediausage.bound(call), [], set(), call.key
    assert key is not None
    ticks = 0
    for target in targets:
        provider = target.provider
        card = pricer.card(
            provider.price_list, target.upstream_name, at, key.organization, provider.price_context({}), provider.slug
        )
        total = price_with(card, most).total if card is not None else None
        if card is None or total is None:
            unpriced.add(target.name)
        else:
            cards.append(card)
            ticks = max(ticks, money.ticks(total))
    return Settled(most.get("input_tokens", 0), 1, tuple(cards), frozenset(unpriced), ticks)


def _cards(target: "Target", pricer: "BookPricer", at: datetime, call: "Call") -> list[RateCard]:
    """The card of the standard price, and of the tier, speed and region asked for: what is served, the vendor decides.
    None that has no rate for what the call uses."""
    key = call.key
    assert key is not None
    asked = {
        name: value
        for name, field in _ASKED.items()
        if isinstance(value := call.fields.get(field), str) and value not in _STANDARD_TIERS
    }
    provider, model = target.provider, target.upstream_name
    contexts = [provider.price_context(said) for said in ([{}, asked] if asked else [{}])]
    found = [
        pricer.card(provider.price_list, model, at, key.organization, context, provider.slug) for context in contexts
    ]
    return [card for card in found if card is not None and _serves(bounds_of(card), call)]


def _serves(bounds: Bounds, call: "Call") -> bool:
    """Whether the card says what a token in, and one out where the call makes any, costs."""
    return bounds.prices_input and (bounds.prices_output or call.endpoint.dialect in WITHOUT_OUTPUT)


def output_limit(call: "Call", default: int) -> int:
    """The output cap of a call under a hard budget: the least of what the client asks and what its targets can make."""
    if call.endpoint.dialect in WITHOUT_OUTPUT or call.endpoint.is_media:
        return 0
    bounds = [target.max_output_tokens for target in call.candidates]
    return min([cap for cap in (*bounds, call.max_tokens, call.policy.output_cap) if cap and cap > 0], default=default)


def input_bound(call: "Call") -> int:
    """At least as many tokens as the prompt can have: one a byte of the body (no token is shorter than a byte, and
    JSON's own signs outweigh what chat templates add), images at their dearest, what vendors add at its most."""
    body, fields = call.body, call.fields
    tokens = len(body) + 16
    if b"image" in body:
        tokens -= sum(len(run) for run in _IMAGE.findall(body)) if b"data:image/" in body else 0
        tokens += IMAGE_TOKENS * _images(fields)
    if fields.get("tools"):
        tokens += TOOLS_TOKENS
    for name in STATE_FIELDS:
        if fields.get(name):
            return tokens + STATE_TOKENS
    return tokens


def _images(fields: Mapping[str, Any]) -> int:
    """Image parts of a chat's messages, or of a response's input items."""
    found = 0
    for items in (fields.get("messages"), fields.get("input")):
        for item in items if isinstance(items, list) else ():
            content = item.get("content") if isinstance(item, dict) else None
            parts = content if isinstance(content, list) else ()
            found += sum(isinstance(part, dict) and "image" in str(part.get("type")) for part in parts)
    return found


def _choices(fields: Mapping[str, Any]) -> int:
    """How many answers are made: `n`, or `best_of` of text completions."""
    if "n" not in fields and "best_of" not in fields:
        return 1
    asked = [value for name in ("n", "best_of") if isinstance(value := fields.get(name), int)]
    return min(MAX_CHOICES, max(1, *asked)) if asked else 1
