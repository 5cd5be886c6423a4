"""Lines with anything in them that a ledger may hold, for property tests."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from gateway.ledger.ids import ms_of, uuid7
from tests.factories import Acme, line

MONEY = st.decimals(Decimal("-1"), Decimal("1000"), places=10)
MS = st.none() | st.floats(0, 1e7) | st.sampled_from([0.0, 0.0001, float("inf"), float("nan")])
TOKENS = st.integers(0, 10**9)


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """Columns of a line that differ from the factory's, its offset in seconds and its random bits."""
    kind = draw(st.sampled_from(["attempt", "attempt", "attempt", "cache_hit", "denied", "adjustment", "training"]))
    cost = draw(st.none() | MONEY)
    return {
        "offset": draw(st.integers(0, 4 * 86_400)),
        "bits": draw(st.integers(0, 3)),
        "kind": kind,
        "corrects": uuid7(1) if kind == "adjustment" else None,
        "is_final": draw(st.booleans()),
        "cost": cost,
        "price_status": "unpriced" if cost is None else "priced",
        "list_cost": draw(st.none() | MONEY),
        "charges": draw(
            st.sampled_from(
                [
                    [],
                    [
                        {
                            "meter": "output",
                            "rate_id": None,
                            "quantity": "3",
                            "unit_price": "0.0000001",
                            "cost": str(cost or 0),
                        },
                        {"meter": "web_search", "quantity": "1", "unit_price": None, "cost": None, "currency": "EUR"},
                    ],
                ]
            )
        ),
        "team": draw(st.none() | st.just(uuid7(2))),
        "user": draw(st.none() | st.just(uuid7(3))),
        "api_key": draw(st.none() | st.just(uuid7(4))),
        "provider": draw(st.none() | st.sampled_from(["", "a"])),
        "model_served": draw(st.none() | st.sampled_from(["", "m", "ä\\N'%s"])),
        "error_type": draw(st.none() | st.just("x")),
        "http_status": draw(st.none() | st.just(200)),
        "status": draw(st.sampled_from(["ok", "timeout", "cancelled", "client_error", "denied"])),
        "usage_source": draw(st.sampled_from(["reported", "estimated"])),
        "duration_ms": draw(MS),
        "ttft_ms": draw(MS),
        "output_ms": draw(MS),
        "input_tokens": draw(TOKENS),
        "output_tokens": draw(TOKENS),
        "reasoning_tokens": draw(TOKENS),
        "cache_read_tokens": draw(TOKENS),
        "sdk": draw(st.none() | st.just("openai")),
        "end_user": draw(st.none() | st.sampled_from(["", " ", "u1", "u2", "ü\x02", "x" * 300])),
        "tag_set": draw(st.none() | st.sampled_from([{}, {"feature": "a"}, {"feature": "b", "other": "c"}])),
    }


def drafted(company: Acme, start: datetime, draft: dict[str, Any]) -> dict[str, Any]:
    """The line of the factory with these columns, `offset` seconds after `start`."""
    columns = {name: value for name, value in draft.items() if name not in ("offset", "bits")}
    at = start + timedelta(seconds=draft["offset"])
    return {**line(company, at=at), **columns, "id": uuid7(ms_of(at), draft["bits"])}
