"""`POST /v1/feedback` on a real data plane."""

import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Answer


def send(world: World, secret: str | None = None, **fields: Any) -> Answer:
    body = {"name": "helpfulness", "source": "user", **fields}
    return world.stack.request("POST", "/v1/feedback", body, world.secret if secret is None else secret)


def stored(world: World, request_id: str) -> list[dict[str, Any]]:
    with world.stack.connect() as connection:
        return connection.execute(
            "SELECT * FROM gateway_qualityscore WHERE request_id = %s ORDER BY source", [request_id]
        ).fetchall()


@pytest.fixture
def request_id(world: World) -> str:
    answer = world.stack.chat(world.secret, "gpt-4o-mini")
    world.stack.book()
    return answer.headers["x-request-id"]


def test_a_score_is_kept_once_with_what_the_request_was(world: World, request_id: str) -> None:
    first = send(world, request_id=request_id, score=0.4)
    again = send(world, request_id=request_id, score=0.9)
    label = send(world, request_id=request_id, label="good", source="grader")

    assert (first.status, again.status, label.status) == (200, 200, 200)
    assert (first.json()["replaced"], again.json()["replaced"]) == (False, True)
    assert again.json() | {"id": ""} == {
        "id": "", "object": "feedback", "request_id": request_id, "name": "helpfulness", "source": "user",
        "score": 0.9, "label": None, "replaced": True,
    }  # fmt: skip
    grader, user = stored(world, request_id)
    (line,) = world.stack.lines(request_id)
    assert (user["score"], user["model"], user["provider"]) == (Decimal("0.90000"), "gpt-4o-mini", "openai")
    assert (user["line"], user["line_started_at"]) == (line["id"], line["started_at"])
    assert (grader["score"], grader["label"]) == (None, "good")


def test_feedback_may_come_before_the_line_is_booked(world: World) -> None:
    answer = world.stack.chat(world.secret, "gpt-4o-mini")
    booking = threading.Timer(0.5, world.stack.book)
    booking.start()

    scored = send(world, request_id=answer.headers["x-request-id"], score=1)

    booking.join()
    assert scored.status == 200


@pytest.mark.slow
def test_refusals(world: World, request_id: str) -> None:
    other = world.stack.project(world.organization, f"other-{time.time_ns()}")
    foreign, _ = world.stack.key(world.organization, other)
    cases = [
        (send(world, "", request_id=request_id, score=1), 401, "invalid_api_key"),
        (send(world, request_id="req_unknown", score=1), 404, "request_not_found"),
        (send(world, foreign, request_id=request_id, score=1), 404, "request_not_found"),
        (send(world, request_id=request_id, score=2), 400, "invalid_request"),
        (send(world, request_id=request_id), 400, "invalid_request"),
        (send(world, request_id=request_id, score=1, colour="red"), 400, "invalid_request"),
        (world.stack.request("POST", "/v1/feedback", b"[1]", world.secret), 400, "invalid_json"),
        (world.stack.request("POST", "/v1/feedback", b"{", world.secret), 400, "invalid_json"),
        (world.stack.request("GET", "/v1/feedback", None, world.secret), 405, "method_not_allowed"),
    ]

    assert [(answer.status, answer.error_code) for answer, _, _ in cases] == [case[1:] for case in cases]
    assert cases[3][0].json()["error"]["param"] == "score"
    assert stored(world, request_id) == []
