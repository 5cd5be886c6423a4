"""Messages that are none do not end who reads them."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue

from config.broker import Transport
from tests.redis_server import RedisServer

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
POISON = (b"\x80\x04 no text", b"{no json", b"[]", b"{}", b'{"body": "e30=", "headers": {}, "properties": {}}')


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def test_what_is_no_message_is_dropped_and_the_next_one_is_read(
    broker: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[Any] = []
    queue = Queue("work", routing_key="work")
    with Connection(broker.url, transport="config.broker.Transport") as connection:
        assert isinstance(connection.transport, Transport)
        for poison in POISON:
            broker.client.lpush("work", poison)
        with connection.Producer() as producer:
            producer.publish({"number": 1}, routing_key="work", declare=[queue])

        with Consumer(connection, [queue], callbacks=[lambda body, _message: read.append(body)], no_ack=True):
            while not read:
                connection.drain_events(timeout=10)

    assert read == [{"number": 1}]
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "dropped a message of the broker that is none"
    ] * len(POISON)
