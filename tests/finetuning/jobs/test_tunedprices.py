"""Prices of tuned models' tokens: the vendor's list, or its word that they are the base's; else unpriced, with why."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from costs.bookshelf import book_of
from costs.models import PriceOverride
from finetuning.answers.estimates import RequestPrices, Wish, inference_per_1k
from finetuning.services.jobs.tunedprices import price_of_tuned, state_price
from gateway.models import Provider
from gateway.services import catalog
from tests import factories

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 29, tzinfo=UTC)
KINDS = {"vertex": "google"}
M = 1_000_000


@pytest.fixture
def acme() -> factories.Acme:
    return factories.acme()


def at(acme: factories.Acme, backend: str) -> Provider:
    return catalog.create_provider(
        organization=acme.organization, actor=None, slug=backend, name=backend, kind=KINDS.get(backend, backend),
        base_url=f"https://{backend}.example/v1", credential="sk-test",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "base", "usage", "cost", "page"),
    [
        # Microsoft's own example: 20 M × 1.10 = 22.00, 40 M × 4.40 = 176.00 (fine-tuning-cost-management, 2026-02-11)
        ("azure", "o4-mini-2025-04-16", (20 * M, 40 * M), "198", "fine-tuning-cost-management"),
        # as the base in the price book: 1 M × 0.15 + 1 M × 0.60
        ("azure", "gpt-4o-mini-2024-07-18", (M, M), "0.75", "fine-tuning-cost-management"),
        # 1 M × 0.88 + 0.5 M × 0.88
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", (M, M // 2), "1.32", "docs.together.ai"),
        # 1 M × 0.30 + 0.1 M × 2.50
        ("vertex", "gemini-2.5-flash", (M, M // 10), "0.55", "cloud.google.com"),
        # above 200,000 tokens of prompt: 0.3 M × 2.50 + 0.01 M × 15; below it 0.1 M × 1.25 + 0.01 M × 10
        ("vertex", "gemini-2.5-pro", (300_000, 10_000), "0.90", "cloud.google.com"),
        ("vertex", "gemini-2.5-pro", (100_000, 10_000), "0.225", "cloud.google.com"),
        # OpenAI's own list of tuned models, not the base's 0.40 and 1.60: 1 M × 0.80 + 1 M × 3.20
        ("openai", "gpt-4.1-mini-2025-04-14", (M, M), "4", "developers.openai.com"),
    ],
)  # fmt: skip
def test_a_call_costs_what_the_vendors_page_says(
    acme: factories.Acme, backend: str, base: str, usage: tuple[int, int], cost: str, page: str
) -> None:
    provider = at(acme, backend)
    why = state_price(
        organization=acme.organization, provider=provider, backend=backend, base_model=base, model="tuned-1", at=AT
    )

    assert why == ""
    row = PriceOverride.objects.get(model="tuned-1")
    assert page in row.source
    assert "confidence" in row.note
    found = book_of(acme.organization).price(
        {"input_tokens": usage[0], "output_tokens": usage[1]}, provider=row.provider, model="tuned-1", at=AT,
        organization=str(acme.organization.pk),
    )  # fmt: skip
    assert found.total == Decimal(cost)


@pytest.mark.parametrize(
    ("backend", "base", "why"),
    [
        ("fireworks", "accounts/fireworks/models/llama-v3p1-8b-instruct", "needs a dedicated deployment"),
        ("together", "acme/model-8b", "whose price is not known"), ("azure", "gpt-9", "whose price is not known"),
        ("openai", "gpt-6-luna", "No price of its tokens is known."),
    ],
)  # fmt: skip
def test_an_unknown_price_is_none_with_why(acme: factories.Acme, backend: str, base: str, why: str) -> None:
    provider = at(acme, backend)
    told = state_price(
        organization=acme.organization, provider=provider, backend=backend, base_model=base, model="tuned-1", at=AT
    )

    assert why in told
    assert told.endswith("Its calls are unpriced until you state a price under Prices.")
    assert not PriceOverride.objects.exists()


def test_confidence_is_of_the_base_model(acme: factories.Acme) -> None:
    provider = at(acme, "vertex")
    notes = [
        price_of_tuned(
            organization=acme.organization, provider=provider, backend="vertex", base_model=base, at=AT
        ).note.rpartition(" ")[2]
        for base in ("gemini-2.5-flash", "gemini-2.5-pro")
    ]

    assert notes == ["medium.", "low."]


def test_a_price_that_somebody_has_stated_stays(acme: factories.Acme) -> None:
    provider = at(acme, "azure")
    for base in ("o4-mini", "gpt-4o-mini-2024-07-18"):
        state_price(
            organization=acme.organization, provider=provider, backend="azure", base_model=base, model="tuned-1", at=AT
        )

    assert {Decimal(amount) for amount in PriceOverride.objects.get().prices.values()} >= {Decimal("1.1")}


@pytest.mark.parametrize(
    ("backend", "base", "cost", "note"),
    [
        # 1,000 requests of 1,000 and 100 tokens: 1 M × 0.15 + 0.1 M × 0.60
        ("azure", "gpt-4o-mini-2024-07-18", "0.21", "price_of_base"),
        ("openai", "gpt-4o-mini-2024-07-18", "0.42", None), ("fireworks", "llama-8b", None, "billed_by_time"),
        ("openai", "gpt-6-luna", None, "unknown_price"), ("together", "acme/model-8b", None, "unknown_price"),
    ],
)  # fmt: skip
def test_the_estimate_says_the_same(
    acme: factories.Acme, backend: str, base: str, cost: str | None, note: str | None
) -> None:
    found, told = inference_per_1k(RequestPrices(acme.organization, AT), Wish(backend, base), 1_000, 100)

    assert found == (None if cost is None else Decimal(cost))
    assert (told.code if told else None) == note
