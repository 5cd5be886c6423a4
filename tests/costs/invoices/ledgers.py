"""Ledger lines of a company that calls OpenAI, and exports that agree with them or do not."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.factories import Acme, ModelFactory, ProviderFactory, acme, book_lines, line

FIRST = date(2026, 6, 1)
PRICES = {"input": Decimal("0.000002"), "cache_read": Decimal("0.0000005"), "output": Decimal("0.000008")}
"""GPT-4.1's, per token."""
TOKENS = {"input": 1_000_000, "cache_read": 400_000, "output": 100_000}
ITEMS = {"input": "input", "cache_read": "cached input", "output": "output"}
DAY_COST = Decimal("3.0")  # 1,000,000 × 2 + 400,000 × 0.5 + 100,000 × 8, per 1,000,000


def company(days: int = 4, **columns: Any) -> Acme:
    """Acme, with one call of GPT-4.1 on each of the days, 3.00 USD each."""
    made = acme()
    provider = ProviderFactory(organization=made.organization, slug="openai", kind="openai")
    ModelFactory(organization=made.organization, provider=provider, name="big", upstream_name="gpt-4.1")
    book_lines(*(call(made, FIRST + timedelta(days=index), **columns) for index in range(days)))
    return made


def call(made: Acme, day: date, hour: int = 12, **columns: Any) -> dict[str, Any]:
    charges = [
        {"meter": meter, "rate_id": f"book:{meter}", "quantity": str(count), "unit_price": f"{PRICES[meter]:f}",
         "cost": f"{PRICES[meter] * count:f}", "currency": "USD"}
        for meter, count in TOKENS.items()
    ]  # fmt: skip
    usual: dict[str, Any] = {
        "provider": "openai", "model_requested": "big", "model_served": "big", "input_tokens": 1_400_000,
        "cache_read_tokens": 400_000, "output_tokens": 100_000, "charges": charges, "cost": DAY_COST,
        "list_cost": DAY_COST,
    }  # fmt: skip
    return line(made, at=datetime(day.year, day.month, day.day, hour, tzinfo=UTC), **{**usual, **columns})


def costs(days: int = 4, *, extra: dict[int, dict[str, int]] | None = None, more: list[Any] | None = None) -> bytes:
    """OpenAI's costs of those days. `extra`: day → meter → tokens more than in the ledger; `more`: results of the
    first day."""
    data = []
    for index in range(days):
        start = int(datetime.combine(FIRST + timedelta(days=index), datetime.min.time(), UTC).timestamp())
        results: list[Any] = []
        for meter, count in TOKENS.items():
            quantity = count + (extra or {}).get(index, {}).get(meter, 0)
            results.append({
                "object": "organization.costs.result", "quantity": quantity,
                "amount": {"value": float(PRICES[meter] * quantity), "currency": "usd"},
                "line_item": f"gpt-4.1-2025-04-14, {ITEMS[meter]}",
            })  # fmt: skip
        results += (more or []) if index == 0 else []
        data.append({"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": results})
    return json.dumps({"object": "page", "data": data, "has_more": False}).encode()


def credit(amount: float) -> dict[str, Any]:
    return {"amount": {"value": -amount, "currency": "usd"}, "line_item": "free credit"}
