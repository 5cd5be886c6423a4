"""What tuning on a file would cost at each backend, how long it takes, and from which volume on it pays."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from costs.bookshelf import book_of
from costs.pricing import PriceBook
from finetuning.answers.exchange import LISTS, Exchange
from finetuning.answers.history import duration_of
from finetuning.answers.profiles import Profile, profile_of
from finetuning.choices import Backend
from finetuning.estimates import (
    BreakEven,
    Confidence,
    Duration,
    Estimate,
    Method,
    Rate,
    base_rule_of,
    break_even,
    estimate,
    tuned_rate_of,
)
from finetuning.estimates.price import MILLION, Note
from finetuning.services.jobs.graders import GraderEstimate, estimate_grader
from gateway.models import Organization, Provider

Lines = Callable[[], Iterable[bytes]]
THOUSAND = Decimal(1_000)
SHOTS = 4
"""Examples that an example bank adds to a prompt when nobody says how many."""
NO_BILL = {
    backend: Rate(
        backend.value, "", Method.SUPERVISED, Decimal(0), "trained by the gateway itself", date(2026, 11, 29),
        Confidence.HIGH,
    )
    for backend in (Backend.LOCAL_HEAD, Backend.DICL)
}  # fmt: skip
PRICE_LISTS = {Backend.VERTEX: "google"}


@dataclass(frozen=True, slots=True)
class Wish:
    """One way to ask about. `shots`: of an example bank. `grader`: of reinforcement, priced by the list of `provider`,
    or of the backend."""

    backend: str
    model: str
    method: Method = Method.SUPERVISED
    technique: str = ""
    epochs: int | None = None
    max_tokens: int | None = None
    shots: int = SHOTS
    grader: Mapping[str, Any] | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """What answers these requests now, to hold the tuned model against. `prompt_tokens`, `answer_tokens`: of a request
    today, which may carry instructions that a tuned model needs no more; None: as in the file."""

    provider: str
    model: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    requests_per_month: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """`training` and the rest of the bill are in `estimate`. `inference_per_1k`: of a thousand requests to the tuned
    model, None when no price is known; `base_per_1k`: of the same to `Today`'s model, or to the base. `grader`:
    what models that grade will cost beside it, as a job's own estimate has it; None where none does."""

    wish: Wish
    profile: Profile
    estimate: Estimate
    inference_per_1k: Decimal | None
    base_per_1k: Decimal | None
    break_even: BreakEven | None
    duration: Duration
    notes: tuple[Note, ...] = field(default=())
    grader: GraderEstimate | None = None


class RequestPrices:
    """What requests cost an organization at a time, by its own book, which is read once. `currency`: of all amounts;
    empty: the organization's."""

    def __init__(self, organization: Organization, at: datetime, currency: str = "") -> None:
        self.organization, self.at = organization, at
        self.exchange = Exchange(organization, currency)

    @cached_property
    def _book(self) -> PriceBook:
        return book_of(self.organization)

    def per_1k(self, provider: str, model: str, prompt: int, answer: int) -> Decimal | None:
        """Of 1,000 requests; None when a price, or an exchange rate to its currency, is missing."""
        usage = {"input_tokens": prompt, "output_tokens": answer}
        found = self._book.price(
            usage, provider=provider, model=model, at=self.at, context={}, organization=str(self.organization.pk)
        )
        return None if found.total is None else self.kept(found.total * THOUSAND, found.currency)

    def kept(self, amount: Decimal | None, currency: str) -> Decimal | None:
        """An amount in the currency of the others; None without an exchange rate."""
        return self.exchange.of(amount, currency, self.at.date())


def estimates(
    *, organization: Organization, lines: Lines, wishes: Iterable[Wish], at: datetime, validation: Lines = tuple,
    today: Today | None = None,
) -> list[Answer]:  # fmt: skip
    """Each wish answered, the cheapest known training first, unknown prices last. `lines` is asked once for each base
    model. Writes nothing. Raises ValueError for a file without an example."""
    profiles: dict[str, Profile] = {}
    prices = RequestPrices(organization, at, LISTS)
    answers = []
    for wish in wishes:
        if wish.model not in profiles:
            profiles[wish.model] = profile_of(lines(), wish.model, validation=validation())
        answers.append(_answer(prices, wish, profiles[wish.model], today))
    return sorted(answers, key=lambda answer: (answer.estimate.training is None, answer.estimate.training or 0))


def _answer(prices: RequestPrices, wish: Wish, profile: Profile, today: Today | None) -> Answer:
    rate = NO_BILL.get(Backend(wish.backend))
    found = estimate(
        profile.dataset, provider=wish.backend, model=wish.model, method=wish.method, at=prices.at.date(),
        epochs=wish.epochs, technique=wish.technique, max_tokens=wish.max_tokens, rate=rate,
    )  # fmt: skip
    prompt, answer = round(profile.prompt_tokens), round(profile.answer_tokens)
    notes = []
    inference, note = inference_per_1k(prices, wish, prompt, answer)
    if note is not None:
        notes.append(note)
    base = _base(prices, wish, today, (prompt, answer))
    if base is None and wish.backend != Backend.LOCAL_HEAD:
        notes.append(Note("unknown_base_price", "What these requests cost without tuning is not known."))
    pays = None
    if found.training is not None and inference is not None and base is not None:
        pays = break_even(
            training=found.training, hosting_per_month=found.hosting_per_month or Decimal(0),
            base_per_request=base / THOUSAND, tuned_per_request=inference / THOUSAND,
            requests_per_month=today.requests_per_month if today else 0,
        )  # fmt: skip
    return Answer(
        wish,
        profile,
        found,
        inference,
        base,
        pays,
        duration_of(prices.organization.pk, wish.backend, wish.model),
        tuple(notes),
        _grader(prices, wish, profile),
    )  # fmt: skip


def _grader(prices: RequestPrices, wish: Wish, profile: Profile) -> GraderEstimate | None:
    if wish.method is not Method.REINFORCEMENT or wish.grader is None:
        return None
    return estimate_grader(
        organization=prices.organization, provider=wish.provider, backend=wish.backend, grader=wish.grader,
        examples=len(profile.dataset.tokens), at=prices.at,
    )  # fmt: skip


def inference_per_1k(
    prices: RequestPrices, wish: Wish, prompt: int, answer: int
) -> tuple[Decimal | None, Note | None]:  # fmt: skip
    """Of 1,000 requests to the tuned model; else why it is not known."""
    backend = Backend(wish.backend)
    if backend == Backend.LOCAL_HEAD:
        return Decimal(0), None
    if backend == Backend.RUNNER:
        return None, Note("own_hardware", "What your own machines cost a request is not known here.")
    if backend == Backend.DICL:
        longer = prompt + wish.shots * (prompt + answer)
        price = prices.per_1k("", wish.model, longer, answer)
        return price, None if price is not None else _unknown(wish)
    rate = tuned_rate_of(backend, wish.model)  # as a finished job states its model's price
    if rate is not None:
        amount = prices.kept((prompt * rate.input + answer * rate.output) * THOUSAND / MILLION, LISTS)
        return amount, None if amount is not None else _unknown(wish)
    rule = base_rule_of(backend)
    if rule is not None and not rule.is_base_price:
        return None, Note("billed_by_time", f"{rule.note} ({rule.source})")
    if rule is None:
        return None, _unknown(wish)
    price = prices.per_1k(PRICE_LISTS.get(backend, backend.value), wish.model, prompt, answer)
    if price is None:
        return None, _unknown(wish)
    return price, Note("price_of_base", f"{rule.note} ({rule.source}; confidence {rule.confidence_of(wish.model)})")


def _base(prices: RequestPrices, wish: Wish, today: Today | None, tokens: tuple[int, int]) -> Decimal | None:
    if today is None:
        backend = Backend(wish.backend)
        if backend in (Backend.LOCAL_HEAD, Backend.RUNNER):
            return None
        return prices.per_1k(PRICE_LISTS.get(backend, backend.value), wish.model, *tokens)
    prompt = tokens[0] if today.prompt_tokens is None else today.prompt_tokens
    answer = tokens[1] if today.answer_tokens is None else today.answer_tokens
    return prices.per_1k(today.provider, today.model, prompt, answer)


def _unknown(wish: Wish) -> Note:
    return Note("unknown_price", f"No price for requests to {wish.model} tuned at {wish.backend} is known.")
