"""Lines for ledger tests."""

import uuid
from typing import Any

from gateway.ledger.ids import uuid7

ORGANIZATION, PROJECT, KEY = (str(uuid.UUID(int=n)) for n in (1, 2, 3))


def line(**changes: Any) -> dict[str, Any]:
    """A settled, priced attempt; `at` (Unix milliseconds) fixes its time."""
    at = changes.pop("at", None)
    return {
        "id": str(uuid7(at)),
        "request_id": "req_1",
        "organization": ORGANIZATION,
        "project": PROJECT,
        "api_key": KEY,
        "kind": "attempt",
        "endpoint": "/v1/chat/completions",
        "provider": "openai",
        "model_requested": "gpt-4o",
        "model_served": "gpt-4o",
        "status": "ok",
        "http_status": 200,
        "input_tokens": 100,
        "output_tokens": 20,
        "usage_source": "reported",
        "price_status": "priced",
        "cost": "0.0004500000",
        "list_cost": "0.0004500000",
        "charges": [
            {"meter": "input", "rate_id": "r1", "quantity": "100", "unit_price": "0.0000025", "cost": "0.0002500000",
             "currency": "USD"},
            {"meter": "output", "rate_id": "r2", "quantity": "20", "unit_price": "0.00001", "cost": "0.0002000000",
             "currency": "USD"},
        ],
    } | changes  # fmt: skip
