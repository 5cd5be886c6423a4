"""Tokens by class, by day, and who or what used them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analytics.answers.overview import by
from analytics.answers.questions import Questions, common
from analytics.query import Query

CLASSES = (
    "total_tokens", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
)  # fmt: skip
MEASURES = (*CLASSES, "requests", "cost")


def token_usage(questions: Questions, query: Query) -> dict[str, Any]:
    """The common answer with its parts by model and by person. Three statements besides the scope's and the labels'."""
    result = questions.ask(replace(query, measures=MEASURES))
    parts = {f"by_{name}": by(questions, query, MEASURES, name) for name in ("model", "user")}
    return {**common(questions, result, *parts.values()), **parts}
