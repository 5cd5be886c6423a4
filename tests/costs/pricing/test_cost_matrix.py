"""The golden cost matrix by the price book: provider × cache × reasoning × tier × context length × batch.

Totals and their working stand in `tests/golden/cost_matrix.json`; they were worked out by hand from the vendors' price
pages (OpenAI, Anthropic, Google, AWS, November 2026), not by this code. `working` is tokens × price per million.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs.pricing import price

CELLS: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "golden" / "cost_matrix.json").read_text())
AT = datetime(2026, 11, 20, tzinfo=UTC)


def name_of(cell: dict[str, Any]) -> str:
    return "-".join([cell["provider"], cell["model"], *cell["context"].values(), cell["what"]])


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_every_cell_is_right_to_the_last_digit(cell: dict[str, Any]) -> None:
    found = price(cell["usage"], provider=cell["provider"], model=cell["model"], at=AT, context=cell["context"])

    expected = cell["total"]
    assert found.total == (None if expected is None else Decimal(expected)), cell["working"]
    assert found.status == ("unpriced" if expected is None else "priced")


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell["total"] is not None], ids=name_of)
def test_the_working_gives_the_total(cell: dict[str, Any]) -> None:
    terms = [term.split(" x ") for term in cell["working"].split(" + ")]

    assert sum(Decimal(tokens) * Decimal(rate) for tokens, rate in terms) == Decimal(cell["total"]) * 1_000_000


def test_the_matrix_is_whole() -> None:
    assert len({name_of(cell) for cell in CELLS}) == len(CELLS)
    assert {cell["provider"] for cell in CELLS} == {"openai", "azure", "anthropic", "google", "bedrock"}
    tiers = {value for cell in CELLS for value in cell["context"].values()}
    assert tiers == {"flex", "priority", "batch", "fast"}
    assert sum(cell["total"] is None for cell in CELLS) == 22
