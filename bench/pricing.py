"""Pricing: lines a second in batch on one core, and microseconds of one call in the data plane's way."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import cycle, islice

from bench import common
from bench.common import Report
from costs.pricer import BookPricer
from costs.pricing import default_book, price_with

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
Usage = Mapping[str, int]
CALLS: tuple[tuple[str, str, Mapping[str, str], Usage], ...] = (
    ("openai", "gpt-4o", {}, {"input_tokens": 1_200, "cache_read_tokens": 1_024, "output_tokens": 310}),
    ("openai", "gpt-4o-mini", {}, {"input_tokens": 4_000, "output_tokens": 250}),
    ("openai", "gpt-5.4", {"service_tier": "flex"}, {"input_tokens": 280_000, "output_tokens": 900}),
    (
        "anthropic",
        "claude-sonnet-4-5",
        {},
        {"input_tokens": 9_000, "cache_write_5m_tokens": 3_000, "output_tokens": 500},
    ),
    ("google", "gemini-2.5-pro", {}, {"input_tokens": 200_001, "output_tokens": 1_000, "reasoning_tokens": 400}),
    ("voyage", "voyage-3.5", {}, {"input_tokens": 8_000}),
)
"""Six kinds of call: cached, plain, tier and long context, cache write, reasoning, a model of the second list."""


def run(options: argparse.Namespace) -> Report:
    report = Report("pricing", f"{options.lines:,} lines of {len(CALLS)} kinds, best of {options.rounds}, one process")
    book, pricer = default_book(), BookPricer()
    book.load()
    cards = [(book.resolve(provider, model, AT, context), usage) for provider, model, context, usage in CALLS]
    work = [(card, usage) for card, usage in cards if card is not None]
    assert len(work) == len(CALLS)

    def batch(lines: int) -> None:
        for card, usage in islice(cycle(work), lines):
            price_with(card, usage)

    def hot(lines: int) -> None:
        for provider, model, context, usage in islice(cycle(CALLS), lines):
            pricer.price(usage, price_list=provider, model=model, at=AT, organization="o", context=context)

    report.add("batch, lines a second of one core", options.lines / _best(batch, options), "1/s", at_least=200_000)
    report.add("hot path, from usage to a line's columns", 1e6 * _best(hot, options) / options.lines, "µs", at_most=15)
    return report


def _best(work: Callable[[int], None], options: argparse.Namespace) -> float:
    """Seconds of processor time of the quickest round."""
    return min(_rounds(work, options))


def _rounds(work: Callable[[int], None], options: argparse.Namespace) -> Iterator[float]:
    for _ in range(options.rounds):
        began = time.process_time()
        work(options.lines)
        yield time.process_time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.pricing", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="lines of a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default %(default)s)")
    common.main("pricing", run, parser)
