"""Rate cards and exact pricing of one usage by one card. Decimal throughout; no I/O, no clock, no vendor data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from . import meters as m

COST_QUANTUM = Decimal("1e-10")
ZERO = Decimal(0)
# 50 digits hold any quantity times any unit price without loss, whatever the thread's own decimal context is.
EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_multiply, _quantize, _add = EXACT.multiply, EXACT.quantize, EXACT.add
_UP = Context(prec=50, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one unit (one token, one request, …) and the stable id of where that price stands."""

    meter: str
    rate_id: str
    unit_price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class RateTier:
    """Rates for requests whose whole input exceeds ``above_tokens`` (-1 for the base tier)."""

    above_tokens: int
    rates: Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class RateCard:
    """Every rate of one model, in one context, over one span of time.

    ``tiers`` are sorted from the highest threshold down and end with the base tier. Crossing a threshold re-prices the
    whole request, input and output. ``flags`` are carried into every result. ``list_card`` is the public list's card
    for the same call when this card comes from an override; None when this card is the list's own.
    """

    provider: str
    model: str
    currency: str
    tiers: tuple[RateTier, ...]
    flags: tuple[str, ...] = ()
    is_free: bool = False
    overridden: bool = False
    list_card: RateCard | None = None

    def rates_for(self, input_tokens: m.Quantity) -> Mapping[str, Rate]:
        """Rates of the tier that a request of ``input_tokens`` (whole prompt) falls into; the bound itself is below."""
        for tier in self.tiers:
            if input_tokens > tier.above_tokens:
                return tier.rates
        return self.tiers[-1].rates


class Charge(NamedTuple):
    """One line of a price: ``cost`` = ``quantity`` × ``unit_price``, rounded half-even to 10 decimals."""

    meter: str
    rate_id: str
    quantity: m.Quantity
    unit_price: Decimal
    cost: Decimal
    currency: str


class Priced(NamedTuple):
    """What a usage costs. ``total`` is the sum of the rounded ``lines``, None when any used meter has no rate.

    ``list_total`` is the same usage at the public list's price; None when the list has none or is in another currency.
    """

    lines: tuple[Charge, ...]
    total: Decimal | None
    flags: tuple[str, ...]
    list_total: Decimal | None
    currency: str = "USD"

    @property
    def status(self) -> str:
        """The ledger's ``price_status``: ``priced``, ``unpriced`` or ``free``."""
        if self.total is None:
            return "unpriced"
        return "free" if m.FLAG_FREE in self.flags else "priced"


UNPRICED = Priced(lines=(), total=None, flags=(m.FLAG_UNPRICED,), list_total=None)


def price_with(card: RateCard, usage: m.Usage) -> Priced:
    """Price ``usage`` (see ``meters``) by ``card``. Raises ValueError for a count that is not a finite number.

    Of several `requests` at once the mean length of their inputs decides in which tier they are.
    The one function of this package on the data plane's hot path: a usual chat usage takes a few microseconds.
    """
    flags = list(card.flags)
    for key, value in usage.items():
        if value and (type(value) is not int or value < 0 or key not in m.USAGE_KEYS):
            usage = _repair(usage, flags)
            break
    get = usage.get
    whole_input = get("input_tokens") or 0
    cache_read = get("cache_read_tokens") or 0
    write_5m = get("cache_write_5m_tokens") or 0
    write_1h = get("cache_write_1h_tokens") or 0
    audio_input = get("audio_input_tokens") or 0
    image_input, image_output = get("image_input_tokens") or 0, get("image_output_tokens") or 0
    input_parts = cache_read + write_5m + write_1h + audio_input
    whole_output = get("output_tokens") or 0
    reasoning = get("reasoning_tokens") or 0
    audio_output = get("audio_output_tokens") or 0
    if input_parts > whole_input or reasoning + audio_output > whole_output:
        _flag_once(flags, m.FLAG_INCONSISTENT)
    requests = get("requests", 1)
    size = max(whole_input, input_parts)
    rates = card.rates_for(size if not requests or requests <= 1 else size / Decimal(requests))
    if m.REASONING not in rates:
        reasoning = 0  # billed within output, at output's rate
    has_image_tokens = image_output > 0
    if image_input or image_output:
        image_input = min(image_input, max(0, whole_input - input_parts)) if m.IMAGE_INPUT in rates else 0
        image_output = min(image_output, whole_output) if m.IMAGE_OUTPUT in rates else 0
    quantities = (
        (m.INPUT, whole_input - input_parts - image_input),
        (m.CACHE_READ, cache_read),
        (m.CACHE_WRITE_5M, write_5m),
        (m.CACHE_WRITE_1H, write_1h),
        (m.AUDIO_INPUT, audio_input),
        (m.IMAGE_INPUT, image_input),
        (m.OUTPUT, whole_output - reasoning - audio_output - image_output),
        (m.REASONING, reasoning),
        (m.AUDIO_OUTPUT, audio_output),
        (m.IMAGE_OUTPUT, image_output),
        (m.REQUEST, 1 if requests is None else requests),
        (m.IMAGE, get("image_units") or 0),
        (m.TOOL_CALL, get("tool_calls") or 0),
        (m.WEB_SEARCH, get("web_searches") or 0),
        (m.CHARACTER, get("characters") or 0),
        (m.AUDIO_SECOND, _seconds(get("audio_ms") or 0)),
    )
    return _assemble(card, usage, _charges(quantities, rates, flags, has_image_tokens=has_image_tokens), flags)


def _seconds(milliseconds: m.Quantity) -> m.Quantity:
    if not milliseconds:
        return 0
    seconds = EXACT.scaleb(Decimal(milliseconds), -3)
    return int(seconds) if seconds == seconds.to_integral_value() else seconds.normalize(EXACT)


def _charges(
    quantities: tuple[tuple[str, m.Quantity], ...],
    rates: Mapping[str, Rate],
    flags: list[str],
    *,
    has_image_tokens: bool = False,
) -> tuple[Charge, ...]:
    """A charge for every used meter that has a rate; a used meter without one is flagged by name."""
    lines = []
    missing = []
    for meter, quantity in quantities:
        if quantity <= 0:
            continue
        rate = rates.get(meter)
        if rate is not None:
            cost = _quantize(_multiply(rate.unit_price, quantity), COST_QUANTUM)
            lines.append(Charge(meter, rate.rate_id, quantity, rate.unit_price, cost, rate.currency))
        elif meter is not m.REQUEST and meter is not m.TOOL_CALL:
            # A vendor without a rate per request or per function call charges none: the tokens are the price.
            missing.append(meter)
    if missing and lines:
        missing = _gaps(missing, {line.meter for line in lines}, rates, has_image_tokens=has_image_tokens)
    flags.extend(f"{m.FLAG_UNPRICED}:{meter}" for meter in missing)
    return tuple(lines)


def _gaps(missing: list[str], charged: set[str], rates: Mapping[str, Rate], *, has_image_tokens: bool) -> list[str]:
    """The used meters without a rate that leave a gap: what is billed by units needs no tokens, and the other way."""
    covered: frozenset[str] = frozenset()
    if charged & m.INSTEAD_OF_TOKENS and not any(meter in rates for meter in m.TOKEN_METERS):
        covered = frozenset(m.TOKEN_METERS) | m.INSTEAD_OF_TOKENS
    elif charged.intersection(m.TOKEN_METERS):
        covered = m.INSTEAD_OF_TOKENS if has_image_tokens else m.INSTEAD_OF_TOKENS - {m.IMAGE}
    return [meter for meter in missing if meter not in covered]


def _assemble(card: RateCard, usage: m.Usage, lines: tuple[Charge, ...], flags: list[str]) -> Priced:
    cost = ZERO
    for line in lines:
        cost = _add(cost, line.cost)
    complete = not flags or not any(flag.startswith(m.FLAG_UNPRICED) for flag in flags)
    if complete and card.is_free:
        flags.append(m.FLAG_FREE)
    total = cost if complete else None
    return Priced(lines, total, tuple(flags), _list_total(card, usage, total), card.currency)


def _repair(usage: m.Usage, flags: list[str]) -> m.Usage:
    """A copy with numbers made exact, negatives made 0, and unknown counts left out; each oddity is flagged."""
    repaired = {key: _repaired(key, count, flags) for key, count in usage.items()}
    flags.extend(f"{m.FLAG_UNPRICED}:{key}" for key in sorted(usage.keys() - m.USAGE_KEYS) if repaired.pop(key))
    return repaired


def _flag_once(flags: list[str], flag: str) -> None:
    if flag not in flags:
        flags.append(flag)


def _repaired(key: str, value: object, flags: list[str]) -> m.Quantity | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"usage {key!r} must be a number, not {value!r}")
    number = value if isinstance(value, int) else Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(number, Decimal):
        if not number.is_finite():
            raise ValueError(f"usage {key!r} must be finite, not {value!r}")
        number = int(number) if number == number.to_integral_value() else number
    if number < 0:
        _flag_once(flags, m.FLAG_INCONSISTENT)
        return 0
    return number


def _list_total(card: RateCard, usage: m.Usage, total: Decimal | None) -> Decimal | None:
    if not card.overridden:
        return total
    if card.list_card is None or card.list_card.currency != card.currency:
        return None
    return price_with(card.list_card, usage).total


def upper_bound(card: RateCard, input_tokens: int, max_output_tokens: int) -> Decimal | None:
    """The most that a call of at most these tokens can cost: all input at the dearest input rate, all output at the
    dearest output rate, of any tier that ``input_tokens`` can reach, plus one request.

    None when the card prices no input (or no output while output is asked for): there is no bound to state.
    Images, vendor-run searches and per-call tool prices are not bounded by tokens and are left out.
    """
    reachable = [tier for tier in card.tiers if tier.above_tokens < max(input_tokens, 0)] or [card.tiers[-1]]
    bounds = [bound for tier in reachable if (bound := _tier_bound(tier, input_tokens, max_output_tokens)) is not None]
    return max(bounds) if len(bounds) == len(reachable) else None


def _tier_bound(tier: RateTier, input_tokens: int, output_tokens: int) -> Decimal | None:
    bound = rounding = ZERO
    for names, tokens in ((m.INPUT_METERS, input_tokens), (m.OUTPUT_METERS, output_tokens)):
        rates = [tier.rates[name] for name in names if name in tier.rates]
        if not rates and tokens > 0:
            return None
        if rates and tokens > 0:
            bound = EXACT.add(bound, EXACT.multiply(max(rate.unit_price for rate in rates), tokens))
            rounding = EXACT.add(rounding, _rounding_slack(iter(rates)))
    if m.REQUEST in tier.rates:
        bound = EXACT.add(bound, tier.rates[m.REQUEST].unit_price)
    return _UP.quantize(EXACT.add(bound, rounding), COST_QUANTUM)


def _rounding_slack(rates: Iterator[Rate]) -> Decimal:
    """Half a quantum per charge whose unit price is finer than the quantum, the most rounding each can add."""
    finer = sum(1 for rate in rates if rate.unit_price != EXACT.quantize(rate.unit_price, COST_QUANTUM))
    return EXACT.multiply(COST_QUANTUM / 2, finer)
