"""The request id and the caller's address."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.http import HttpRequest

from gateway.middleware import request_id_from, set_client_address


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (None, "203.0.113.9", "203.0.113.9"),
        ("", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (None, None, ""),
    ],
)
def test_a_forwarded_address_is_believed_without_a_peer_alone(
    peer: str | None, header: str | None, address: str
) -> None:
    request = HttpRequest()
    if peer is not None:
        request.META["REMOTE_ADDR"] = peer
    if header is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = header

    set_client_address(request)

    assert request.META["REMOTE_ADDR"] == address


@pytest.mark.parametrize("given", ["req_1", "a.b:c-d_9", "x" * 128])
def test_a_sane_id_is_kept(given: str) -> None:
    assert request_id_from(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "a\nb", "ä"])
def test_anything_else_is_replaced(given: str | None) -> None:
    assert request_id_from(given).startswith("req_")


def test_fresh_ids_ascend_with_time() -> None:
    with time_machine.travel(datetime(2026, 11, 23, 10, tzinfo=UTC), tick=False) as clock:
        first = request_id_from(None)
        clock.shift(0.001)
        second = request_id_from(None)

    assert first < second
    assert first[4:16] == "01a207d92100"
