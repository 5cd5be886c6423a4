"""A data plane and a simulated provider over the test's own database: what is searched and applied is what was called.

A workload is a list of calls, made one after the other by a vendor whose prompt caches are empty at first, so that what
these have seen follows from it alone.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import openai

from costs.models import Recommendation
from costs.recommendations import services
from costs.recommendations.store import store
from costs.savings.find import find
from costs.savings.proposals import Category, Findings
from gateway.models import Organization
from tests.gateway.dataplane.stack import Answer, Stack

CHAT = "/v1/chat/completions"
WINDOW = timedelta(hours=1)
VOCABULARY = """
invoice order parcel refund address customer delivery item number account please cancel change since yesterday package
window receipt amount total where when the my is not was with and has been for your shop return
"""
WORDS = VOCABULARY.split()


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `headers` by names with underscores."""

    body: Mapping[str, Any]
    path: str = CHAT
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """`[start, end)` of a workload by the ledger's clock, what it cost, and its lines of either kind."""

    start: datetime
    end: datetime
    cost: Decimal
    attempts: int
    hits: int
    answers: Sequence[Answer] = ()


@dataclass
class Live:
    """An organization with a project, whose calls go through `stack`."""

    stack: Stack
    organization: Organization
    project: str
    secret: str

    def run(self, calls: Iterable[Call], secret: str = "") -> Run:
        """Make the calls in order, and book them."""
        self.stack.simulator.reset()
        start = _tick()
        answers = [
            self.stack.request("POST", call.path, call.body, secret or self.secret, **call.headers) for call in calls
        ]
        assert {answer.status for answer in answers} == {200}, answers[-1].body[:300]
        return self.booked(start, answers)

    def run_batch(self, calls: Iterable[Call]) -> Run:
        """The same calls as one batch, from its upload to its end."""
        self.stack.simulator.reset()
        start = _tick()
        lines = [
            {"custom_id": str(number), "method": "POST", "url": call.path, "body": dict(call.body)}
            for number, call in enumerate(calls)
        ]
        url = f"http://127.0.0.1:{self.stack.port}/v1"
        with openai.OpenAI(base_url=url, api_key=self.secret, max_retries=0) as client:
            data = "\n".join(map(json.dumps, lines)).encode()
            file = client.files.create(file=("calls.jsonl", data), purpose="batch")
            batch = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            self.stack.wait_for(lambda: client.batches.retrieve(batch.id).status == "completed")
        return self.booked(start)

    def booked(self, start: datetime, answers: Sequence[Answer] = ()) -> Run:
        """What the ledger has of the organization since `start`."""
        self.stack.book()
        end = _tick()
        with self.stack.connect() as connection:
            row = connection.execute(
                "SELECT sum(cost) AS cost, count(*) FILTER (WHERE kind = 'attempt') AS attempts, count(*) FILTER "
                "(WHERE kind = 'cache_hit') AS hits, count(*) FILTER (WHERE cost IS NULL) AS unpriced "
                "FROM gateway_ledgerline WHERE organization = %s AND started_at >= %s AND started_at < %s",
                [self.organization.pk, start, end],
            ).fetchone()
        assert row is not None
        assert row["unpriced"] == 0
        return Run(start, end, row["cost"], row["attempts"], row["hits"], answers)

    def search(self, run: Run) -> Findings:
        """Search the hour up to the end of a run, and keep what is found."""
        findings = find(self.organization, start=run.end - WINDOW, end=run.end)
        store(self.organization, findings, now=run.end)
        return findings

    def found(self, run: Run, category: Category) -> Recommendation:
        """The only saving of its kind that a search over the run finds."""
        self.search(run)
        return Recommendation.objects.get(organization=self.organization, category=category)

    def apply(self, row: Recommendation, share: int = 100) -> Recommendation:
        """By the product's own way, until the data plane knows it."""
        applied = services.apply_recommendation(recommendation=row, actor=None, share=share)
        self.stack.wait_until_current()
        return applied

    def revert(self, row: Recommendation) -> Recommendation:
        reverted = services.revert_recommendation(recommendation=row, actor=None)
        self.stack.wait_until_current()
        return reverted


def _tick() -> datetime:
    """The next millisecond: lines that begin from now on are not before it, those that have begun are."""
    now = datetime.now(UTC)
    later = now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(milliseconds=1)
    while datetime.now(UTC) < later:
        pass
    return later


def text_of(draw: random.Random, words: int) -> str:
    """As many words as people write to a shop."""
    return " ".join(draw.choices(WORDS, k=words))


def chat(model: str, content: str, **fields: Any) -> Call:
    return Call({"model": model, "messages": [{"role": "user", "content": content}], **fields})


def questions(seed: int, count: int, model: str, **fields: Any) -> Iterator[Call]:
    """Different questions of 50 to 300 words."""
    draw = random.Random(seed)
    for _ in range(count):
        yield chat(model, text_of(draw, draw.randint(50, 300)), **fields)
