"""Headers that come in several lines."""

import contextlib
import http.client

from gateway.dataplane import call as call_module
from gateway.dataplane.endpoints import ENDPOINTS
from tests.gateway.dataplane.conftest import World

CHAT = ENDPOINTS["/v1/chat/completions"]


def test_tags_in_several_lines_are_one_list(world: World) -> None:
    stack = world.stack
    body = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}'

    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=20)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/v1/chat/completions")
        connection.putheader("Authorization", f"Bearer {world.secret}")
        connection.putheader("X-Gateway-Tags", "feature=search")
        connection.putheader("X-Gateway-Tags", "customer=acme")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        request_id = connection.getresponse().headers["X-Request-ID"]

    (line,) = stack.lines(request_id)
    assert line["tag_set"] == {"feature": "search", "customer": "acme"}


def test_of_other_headers_the_last_line_counts() -> None:
    headers = call_module.headers_of([(b"x-gateway-end-user", b"a"), (b"x-gateway-end-user", b"b")])

    assert call_module.end_user(call_module.new_call(CHAT, headers, "")) == "b"
