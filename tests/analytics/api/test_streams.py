"""Server-sent events: what is written when, who may have how many, and the end with the process."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from analytics.api import streams
from analytics.api.streams import Event, Slots, events
from gateway.models import Membership, User
from tests import openapi
from tests.analytics.api.conftest import URL
from tests.console.server import ConsoleServer
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

STREAM = f"{URL}/admin/dashboard/stream"


async def written(said: list[Event | None], *, step: float = 1.0) -> list[bytes]:
    """Pieces of a stream that reads every `step` seconds."""
    closing, left, now = asyncio.Event(), iter(said), [0.0]

    async def read() -> Event | None:
        now[0] += step
        return next(left, None)

    stream = events(read, closing, name="realtime", clock=lambda: now[0], tick_s=0)
    return [piece async for piece in stream]


async def test_an_event_is_written_when_it_is_new() -> None:
    one, two = Event("a", b'{"n":1}'), Event("b", b'{"n":2}')

    pieces = await written([one, one, two])

    assert pieces == [
        b"retry: 2000\n\n", b'event: realtime\nid: a\ndata: {"n":1}\n\n', b'event: realtime\nid: b\ndata: {"n":2}\n\n',
        b": closing\n\n",
    ]  # fmt: skip


async def test_a_comment_every_15_seconds_and_an_end_after_15_minutes() -> None:
    pieces = await written([Event("a", b"{}")] * 1000, step=5.0)

    assert pieces.count(b": still here\n\n") == 900 // 15
    assert len(pieces) == 1 + 1 + 60 + 1  # how soon to come back, the one event, the comments, the end


async def test_a_stop_is_heard_at_once() -> None:
    closing = asyncio.Event()

    async def read() -> Event:
        return Event("a", b"{}")

    stream = events(read, closing, name="x", tick_s=3600)
    first = [await anext(stream), await anext(stream)]
    closing.set()

    assert [first[1][:8], await anext(stream)] == [b"event: x", b": closing\n\n"]


# Every operation of the management API that answers with events: by the name of an event, whose answer its data is.
FEEDS = {STREAM: {"realtime": f"{URL}/admin/dashboard/realtime"}}


def test_every_feed_is_known() -> None:
    paths = openapi.document()["paths"]
    feeds = {path for path, item in paths.items() for operation in item.values() if _is_feed(operation)}

    assert feeds == set(FEEDS)


def _is_feed(operation: dict[str, Any]) -> bool:
    return any(streams.MEDIA_TYPE in answer.get("content", {}) for answer in operation["responses"].values())


@pytest.mark.parametrize("path", FEEDS)
def test_events_fit_the_schema_of_the_plain_answer(busy: Acme, path: str) -> None:
    client = AsyncClient()
    client.force_login(busy.people["alice"])

    @async_to_sync
    async def first() -> tuple[bytes, bytes]:
        response: Any = await client.get(path)
        pieces = aiter(response)
        found = await anext(pieces), await anext(pieces)
        give_back(response)
        return found

    retry, event = first()

    assert retry == b"retry: 2000\n\n"
    lines = event.decode().removesuffix("\n\n").split("\n")
    told = dict(line.split(": ", 1) for line in lines)
    assert list(told) == ["event", "id", "data"]
    of = ("paths", FEEDS[path][told["event"]], "get", "responses", "200", "content", "application/json", "schema")
    said = json.loads(told["data"])
    assert openapi.faults(said, *of) == []
    assert openapi.faults({**said, "active_requests": "many"}, *of) != []


def test_slots_are_given_back_once() -> None:
    slots = Slots(most=2)
    first, second = slots.take("a"), slots.take("a")
    assert first is not None
    assert second is not None

    assert (slots.take("a"), slots.take("b") is not None) == (None, True)
    first()
    first()
    assert slots.take("a") is not None
    assert slots.take("a") is None


def test_head_and_cap(caller: Caller, company: Acme) -> None:
    client = caller("owner")

    opened: list[Any] = [client.get(STREAM, headers={"Accept": "text/event-stream"}) for _ in range(4)]
    other = caller("admin").get(STREAM)
    for response in opened[:3]:
        give_back(response)
    again = client.get(STREAM)

    assert [response.status_code for response in opened] == [200, 200, 200, 429]
    assert isinstance(opened[0], StreamingHttpResponse)
    assert opened[0]["Content-Type"] == "text/event-stream"
    assert opened[0]["Cache-Control"] == "no-cache, no-transform"
    assert opened[0]["X-Accel-Buffering"] == "no"
    assert (opened[3].json()["code"], opened[3]["Retry-After"]) == ("rate_limited", "5")
    assert (other.status_code, again.status_code) == (200, 200)
    for response in (other, again):
        give_back(response)


def give_back(response: Any) -> None:
    """What closing the response does; closing it for real would close the test's database connection too."""
    for close in response._resource_closers:
        close()


@pytest.mark.parametrize(("role", "status"), [("anonymous", 401), ("mallory", 404)])
def test_refusals_are_problem_documents(caller: Caller, role: str, status: int) -> None:
    head = {"Accept": "text/event-stream", "X-Organization": "acme"}

    response = caller(role).get(STREAM, headers=head)

    assert (response.status_code, response.json()["status"]) == (status, status)


def test_who_lost_the_right_hears_no_more(company: Acme) -> None:
    from analytics.api.views.realtime import look

    carol = User.objects.get(pk=company.people["carol"].pk)
    event = look(carol, company.organization, None)
    Membership.objects.filter(user=carol).delete()
    without = look(carol, company.organization, None)
    User.objects.filter(pk=company.people["alice"].pk).update(is_active=False)
    inactive = look(company.people["alice"], company.organization, None)

    assert event is not None
    assert json.loads(event.data)["requests_per_minute"] == 0
    assert (without, inactive) == (None, None)


# ---- a real console ------------------------------------------------------------------------------------------------


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleServer]:
    server = ConsoleServer(tmp_path)
    server.start()
    yield server
    server.stop()


KEY = """
from gateway.models import Organization, Project
from gateway.services import keys
o = Organization.objects.order_by("created_at").first()
p = Project.objects.filter(organization=o).first()
_, secret = keys.create_key(organization=o, project=p, actor=None, name="sse", user=None, scopes=["manage:read"])
print(secret)
"""
BOOK = """
from tests.factories import book_lines
from datetime import UTC, datetime
from gateway.ledger.ids import uuid7
from gateway.models import Organization, Project
from analytics.rollups.marks import process_marks
o = Organization.objects.order_by("created_at").first()
p = Project.objects.filter(organization=o).first()
book_lines({"id": uuid7(), "request_id": "seen-live", "organization": o.pk, "project": p.pk, "kind": "attempt",
    "endpoint": "chat/completions", "provider": "x", "model_requested": "x", "model_served": "x", "status": "ok",
    "http_status": 200, "usage_source": "reported", "price_status": "free", "cost": 0, "list_cost": 0})
process_marks()
"""


def read_event(stream: Any) -> tuple[str, Any]:
    """Name and data of the next event; comments and settings are passed over."""
    name = ""
    for raw in stream:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            return name, json.loads(line[6:])
    raise AssertionError("the stream ended")


@pytest.mark.slow
def test_a_running_console_streams_and_stops(console: ConsoleServer) -> None:
    secret = console.shell(KEY)
    request = urllib.request.Request(f"{console.url}{STREAM}", headers={"Authorization": f"Bearer {secret}"})

    with urllib.request.urlopen(request, timeout=60) as stream:
        name, first = read_event(stream)
        console.shell(BOOK)
        shown: list[str] = []
        while "seen-live" not in shown:
            _, event = read_event(stream)
            shown = [item["request_id"] for item in event["recent_activity"]]
        process: Any = console._process
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest = stream.read()
        process.wait(20)

    assert (name, set(first) >= {"active_requests", "provider_health", "resources"}) == ("realtime", True)
    assert event["requests_per_minute"] > 0
    assert rest.endswith(b": closing\n\n")
    assert time.monotonic() - began < 20


def test_the_clock_of_streams() -> None:
    assert (streams.TICK_S, streams.COMMENT_S, streams.PER_PERSON) == (2.0, 15.0, 3)
