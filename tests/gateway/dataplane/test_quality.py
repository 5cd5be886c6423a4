"""What routing is told of recorded scores: the mean of requests, of recent ones, and only of enough of them."""

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from gateway.dataplane.quality import LEAST_REQUESTS, MOST_SCORES, QualityLoader, Recorded, recorded
from gateway.models import QualityScore
from tests.gateway.dataplane.conftest import World

ACME, OTHER = UUID(int=1), UUID(int=2)


def scores(values: list[float], model: str = "a", **changes: Any) -> None:
    """One scored request a value, the oldest first, a second apart and until now."""
    now = datetime.now(UTC)
    base = {"organization": ACME, "project": uuid4(), "name": "q", "source": "user", "provider": "openai"} | changes
    QualityScore.objects.bulk_create(
        QualityScore(
            **{"line": uuid4(), "line_started_at": now - timedelta(seconds=len(values) - n), "request_id": f"r{n}",
               "model": model, "score": Decimal(str(value)), **base}
        )
        for n, value in enumerate(values)
    )  # fmt: skip


def raw() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    found: Any = connection.connection
    return found


@pytest.mark.django_db
def test_means_by_organization_provider_and_model() -> None:
    line = uuid4()
    scores([1.0, 0.5])
    scores([0.0], line=line)
    scores([0.5], line=line, name="other")  # the same request: (0 + 0.5) / 2 is its mean
    scores([0.2], model="b")
    scores([0.4], provider="azure")
    scores([0.6], organization=OTHER)
    scores([0.9], provider=None)

    assert {place: (round(found.mean, 6), found.requests) for place, found in recorded(raw()).items()} == {
        (str(ACME), "azure", "a"): (0.4, 1),
        (str(ACME), "openai", "a"): (round((1.0 + 0.5 + 0.25) / 3, 6), 3),
        (str(ACME), "openai", "b"): (0.2, 1),
        (str(OTHER), "openai", "a"): (0.6, 1),
    }


@pytest.mark.django_db
def test_old_scores_and_labels_do_not_count_and_of_many_the_newest_do() -> None:
    scores([0.0] * 5, line_started_at=datetime.now(UTC) - timedelta(days=31))
    QualityScore.objects.create(
        organization=ACME, project=uuid4(), request_id="l", name="q", source="user", label="good", line=uuid4(),
        line_started_at=datetime.now(UTC), provider="openai", model="a",
    )  # fmt: skip
    scores([0.0] * 7 + [1.0] * MOST_SCORES, model="b")

    assert recorded(raw()) == {(str(ACME), "openai", "b"): Recorded(1.0, MOST_SCORES)}


@pytest.mark.django_db
def test_too_few_requests_are_no_quality() -> None:
    scores([0.5] * (LEAST_REQUESTS - 1), model="few")
    scores([0.5] * LEAST_REQUESTS, model="enough")

    assert QualityLoader().load(raw()) == {(str(ACME), "openai", "enough"): 0.5}


@pytest.mark.django_db(transaction=True)
def test_a_query_that_takes_too_long_leaves_what_was_known(caplog: pytest.LogCaptureFixture) -> None:
    scores([0.5] * LEAST_REQUESTS)
    loader = QualityLoader()
    known = loader.load(raw())
    with psycopg.connect(raw().info.dsn, password=raw().info.password or None) as other:
        other.execute("LOCK TABLE gateway_qualityscore")

        with caplog.at_level(logging.WARNING):
            assert loader.load(raw()) == known != {}

    assert "took too long" in caplog.text


@pytest.mark.slow
def test_recorded_scores_move_the_calls_of_a_quality_route(world: World) -> None:
    stack = world.stack
    organization = stack.organization("quality")
    project = stack.project(organization)
    secret, _ = stack.key(organization, project)
    provider = stack.provider("graded", organization_id=organization)
    good, bad = (stack.model(provider, name, "gpt-4o-mini", organization) for name in ("graded-good", "graded-bad"))
    route = stack.insert("gateway_route", alias="graded", description="", is_enabled=True,
                         organization_id=organization, strategy="quality-optimized")  # fmt: skip
    for model, weight in ((bad, 1), (good, 0)):
        stack.insert("gateway_routetarget", route_id=route, model_id=model, priority=0, weight=weight)
    stack.wait_until_current()

    def served() -> tuple[str, Any]:
        answer = stack.chat(secret, "graded", max_tokens=3)
        (line,) = stack.lines(answer.headers["x-request-id"])
        return answer.headers["x-gateway-model"], line["route_decision"].get("note")

    def feed(model: str, score: float) -> None:
        for _ in range(LEAST_REQUESTS):
            asked = stack.chat(secret, model, max_tokens=1).headers["x-request-id"]
            stack.book()
            said = {"request_id": asked, "name": "q", "source": "grader", "score": score}
            assert stack.request("POST", "/v1/feedback", said, secret).status == 200

    unscored = served()
    feed("graded-good", 0.9)
    feed("graded-bad", 0.3)
    stack.wait_for(lambda: served()[0] == "graded-good")

    assert unscored == ("graded-bad", "no target has enough quality scores, so quality does not count")
    assert served() == ("graded-good", None)
