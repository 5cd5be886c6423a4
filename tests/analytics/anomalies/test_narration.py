"""Summaries by a configured model over real HTTP: what it is sent, what of its answer is shown, what is thrown away."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from analytics.anomalies import narration
from analytics.anomalies.models import Anomaly
from analytics.anomalies.narration import facts, narrate_new
from analytics.anomalies.services import set_state
from gateway.models import Organization
from gateway.simulator.process import SimulatorProcess
from tests.factories import anomaly

TEMPLATE = "Cost has been above what was expected."
GOOD = "Since {since} {metric} of {scope} stood at {actual} in the worst hour, not at {expected}, mostly by {cause}."
TOLD = "Since 16 Nov, 22:00 Cost of Acme stood at $20.00 in the worst hour, not at $2.00, mostly by key lgw_k."
pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db: None) -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


class Writer:
    """A model that answers what the test says; `bodies`: what it was sent."""

    def __init__(self) -> None:
        self.text, self.status, self.bodies = GOOD, 200, list[Any]()
        self.raw = b""


@contextmanager
def serving(writer: Writer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            writer.bodies.append((self.headers["Authorization"], sent))
            message = {"role": "assistant", "content": writer.text}
            answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                      "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}  # fmt: skip
            body = writer.raw or json.dumps(answer).encode()
            self.send_response(writer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def writer(settings: Settings) -> Iterator[Writer]:
    found = Writer()
    with serving(found) as url:
        settings.NARRATOR_URL, settings.NARRATOR_MODEL, settings.NARRATOR_KEY = url, "small", "gw-secret"
        yield found


def said(row: Anomaly) -> str:
    return Anomaly.objects.get(pk=row.pk).explanation


def test_it_is_off_by_default(acme: Organization) -> None:
    row = anomaly(acme)

    assert not narration.is_on()
    assert narrate_new({acme: (row.pk,)}) == 0
    assert said(row) == TEMPLATE


def test_a_good_answer_gets_our_figures(acme: Organization, writer: Writer) -> None:
    row = anomaly(acme)

    assert narrate_new({acme: (row.pk,)}) == 1
    assert said(row) == TOLD


def test_the_model_is_sent_no_figure_and_no_name(acme: Organization, writer: Writer) -> None:
    row = anomaly(acme)
    narrate_new({acme: (row.pk,)})

    ((authorization, body),) = writer.bodies
    assert (body["model"], authorization) == ("small", "Bearer gw-secret")
    sent = json.dumps(body["messages"], ensure_ascii=False)
    assert not any(value in sent for name, value in facts(acme, row).items() if name not in ("metric", "effect"))
    assert not any(character.isdigit() for character in sent)


@pytest.mark.parametrize(
    "text",
    ["{actual}, eighteen dollars too much.", "{actual} is 10 times {expected}.", "{actual} is twice {expected}.",
     "{actual} is up ⅓.", "{actual}, $ more.", "{actual} at {place}.", "{expected} alone.", "", "{actual}" * 300],
)  # fmt: skip
def test_an_answer_with_anything_of_its_own_is_thrown_away(acme: Organization, writer: Writer, text: str) -> None:
    row, writer.text = anomaly(acme), text

    assert narrate_new({acme: (row.pk,)}) == 0
    assert said(row) == TEMPLATE


@pytest.mark.parametrize(("status", "raw"), [(500, b"{}"), (200, b"no json"), (200, b"{}"), (429, b""), (401, b"")])
def test_a_model_that_fails_leaves_the_template(acme: Organization, writer: Writer, status: int, raw: bytes) -> None:
    row, writer.status, writer.raw = anomaly(acme), status, raw

    assert narrate_new({acme: (row.pk,)}) == 0
    assert said(row) == TEMPLATE
    assert len(writer.bodies) == 1


def test_a_model_that_is_away_leaves_the_template(acme: Organization, settings: Settings) -> None:
    settings.NARRATOR_URL, settings.NARRATOR_MODEL = "http://127.0.0.1:9/v1", "small"
    row = anomaly(acme)

    assert narrate_new({acme: (row.pk,)}) == 0
    assert said(row) == TEMPLATE


def test_what_was_settled_is_not_told_anew(acme: Organization, writer: Writer) -> None:
    row = anomaly(acme)
    set_state(anomaly=row, actor=None, state="expected")

    assert narrate_new({acme: (row.pk,)}) == 0
    assert writer.bodies == []


def test_of_many_the_ten_costliest_are_told(acme: Organization, writer: Writer) -> None:
    rows = [anomaly(acme, impact_amount=amount) for amount in range(1, 13)]

    assert narrate_new({acme: [row.pk for row in rows]}) == 10
    assert [said(row) == TEMPLATE for row in rows] == [True, True, *[False] * 10]


def test_the_simulated_providers_words_are_thrown_away(
    acme: Organization, settings: Settings, fresh_simulator: SimulatorProcess
) -> None:
    settings.NARRATOR_URL, settings.NARRATOR_MODEL = fresh_simulator.base_url, "gpt-4o-mini"
    row = anomaly(acme)

    assert narrate_new({acme: (row.pk,)}) == 0
    assert said(row) == TEMPLATE
    assert len(fresh_simulator.records()) == 1
