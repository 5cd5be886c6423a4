"""What the data plane refuses: right status, right error body, nothing leaked, nothing lost."""

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ledger.ids import uuid7
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

CHAT = "/v1/chat/completions"
VALID = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}

# name → body, status, code, param
BAD_BODIES: dict[str, tuple[bytes, int, str, str | None]] = {
    "empty": (b"", 400, "invalid_json", None),
    "not json": (b"{'model': 1}", 400, "invalid_json", None),
    "cut json": (b'{"model": "gpt-4o", "messages": [', 400, "invalid_json", None),
    "an array": (b"[]", 400, "invalid_json", None),
    "invalid utf-8": (b'{"model": "gpt-4o", "messages": [{"role": "\xff"}]}', 400, "invalid_json", None),
    "NaN": (b'{"model":"gpt-4o","messages":[],"temperature":NaN}', 400, "invalid_json", None),
    "deep nesting": (b'{"model":"gpt-4o","messages":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "invalid_json", None),
    "no model": (b'{"messages": []}', 400, "invalid_request", "model"),
    "model not a string": (b'{"model": 4, "messages": []}', 400, "invalid_request", "model"),
    "model too long": (b'{"model": "' + b"m" * 201 + b'", "messages": []}', 400, "invalid_request", "model"),
    "no messages": (b'{"model": "gpt-4o"}', 400, "invalid_request", "messages"),
    "messages a string": (b'{"model": "gpt-4o", "messages": "hi"}', 400, "invalid_request", "messages"),
    "message not an object": (b'{"model": "gpt-4o", "messages": ["hi"]}', 400, "invalid_request", "messages"),
    "stream not a boolean": (b'{"model":"gpt-4o","messages":[],"stream":"yes"}', 400, "invalid_request", "stream"),
    "model twice": (b'{"model":"gpt-4o","messages":[],"model":"o1-pro"}', 400, "duplicate_key", "model"),
    "model twice, escaped": (b'{"mod\\u0065l":"o1-pro","messages":[],"model":"gpt-4o"}', 400, "duplicate_key", "model"),
    "model twice, escaped far behind": (
        b'{"model":"gpt-4o","stream":true,"messages":[],"x":"' + b"x" * 5000 + b'","mod\\u0065l":"o1-pro"}',
        *(400, "duplicate_key", "model"),
    ),
    "stream twice": (b'{"model":"gpt-4o","messages":[],"stream":false,"stream":true}', 400, "duplicate_key", "stream"),
    "limit twice": (b'{"model":"gpt-4o","messages":[],"n":1,"n":9}', 400, "duplicate_key", "n"),
    "UTF-16": ('{"model":"gpt-4o","messages":[]}'.encode("utf-16"), 400, "invalid_json", None),
    "UTF-32 without a mark": ('{"model":"gpt-4o","messages":[]}'.encode("utf-32-le"), 400, "invalid_json", None),
    "unknown model": (b'{"model": "nope", "messages": []}', 404, "model_not_found", "model"),
    "surrogate in the model": (b'{"model": "gpt\\ud800", "messages": []}', 404, "model_not_found", "model"),
    "NUL in the model": (b'{"model": "gpt\\u0000-4o", "messages": []}', 404, "model_not_found", "model"),
}


@pytest.mark.parametrize("name", sorted(BAD_BODIES))
def test_bad_bodies(world: World, name: str) -> None:
    body, status, code, param = BAD_BODIES[name]

    answer = world.stack.request("POST", CHAT, body, world.secret)

    assert answer.status == status
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"].startswith("req_")


def test_nul_bytes_in_text_reach_the_ledger_cleaned(world: World) -> None:
    answer = world.stack.request("POST", CHAT, {**VALID, "user": "a\0b", "max_tokens": 2}, world.secret)

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert line["end_user"] == "a\ufffdb"


def test_what_only_a_lenient_parser_takes_is_the_providers_to_judge(world: World) -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x\\udfff"}],"user":"a\\ud800","seed":1e999}'

    answer = world.stack.request("POST", CHAT, body, world.secret)

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert answer.status == line["http_status"] < 500
    assert line["end_user"] == "a\ufffd"


@pytest.mark.parametrize(
    "extra",
    [b'"stream":true,"\\ud800":1', b'"max_tokens":-99999999999999999999999999,"seed":1e999'],
    ids=["surrogate in a key", "integer beyond 64 bits"],
)
def test_what_the_fast_parser_refuses_is_never_our_failure(world: World, extra: bytes) -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],' + extra + b"}"

    answer = world.stack.request("POST", CHAT, body, world.secret)

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert answer.status == line["http_status"] < 500
    assert line["max_tokens"] is None


def test_a_limit_of_the_wrong_type_still_leaves_a_line(world: World) -> None:
    answer = world.stack.chat(world.secret, "gpt-4o", max_tokens=True)

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert (answer.status, line["http_status"], line["max_tokens"]) == (400, 400, None)


def test_headers_are_read_as_utf_8_or_else_latin_1(world: World) -> None:
    tags = "region=Zürich,=nameless, =blank,empty=".encode().decode("latin-1")

    answer = world.stack.request(
        "POST", CHAT, VALID, world.secret, **{"X-Gateway-End-User": "J\xfcrgen", "X-Gateway-Tags": tags}
    )

    (line,) = world.stack.lines(answer.headers["x-request-id"])
    assert line["end_user"] == "Jürgen"
    assert line["tag_set"] == {"region": "Zürich", "empty": ""}


def test_a_stranger_is_refused_whatever_the_body(world: World) -> None:
    answer = world.stack.request("POST", CHAT, b"a" * 30_000_000, "gw-wrong")

    assert (answer.status, answer.error_code) == (401, "invalid_api_key")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer gw-wrong", "Basic Zm9vOmJhcg=="])
def test_bad_credentials(world: World, header: str) -> None:
    answer = world.stack.request("POST", CHAT, VALID, Authorization=header)

    assert (answer.status, answer.error_code) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.slow
def test_revoked_and_expired_keys_stop_working_within_two_seconds(world: World) -> None:
    stack = world.stack
    revoked, revoked_id = stack.key(world.organization, world.project)
    expiring, _ = stack.key(world.organization, world.project, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    with stack.connect() as connection:
        connection.execute("UPDATE gateway_virtualkey SET revoked_at = now() WHERE id = %s", [revoked_id])
    started = time.monotonic()

    stack.wait_for(lambda: stack.get("/v1/models", revoked).status == 401, timeout_s=2)

    assert time.monotonic() - started < 2
    stack.wait_for(lambda: stack.get("/v1/models", expiring).status == 401, timeout_s=4)


@pytest.mark.slow
def test_a_revocation_reaches_every_data_plane_within_two_seconds(world: World, tmp_path: Path) -> None:
    """Also one whose connections, on one of which it hears of changes, were cut a moment before: it connects again at
    once."""
    first = world.stack
    named = f"{first.url}&application_name=cut"
    others = [Stack(tmp_path / str(n), url, first.simulator) for n, url in enumerate([first.url, first.url, named])]
    try:
        for stack in others:
            stack.data_dir.mkdir()
            stack.start()
        secret, key_id = first.key(world.organization, world.project)
        planes = [first, *others]
        for stack in planes:
            stack.wait_for(lambda stack=stack: stack.get("/v1/models", secret).status == 200)

        with first.connect() as connection:
            cut = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut'"
            ).fetchall()
            connection.execute("UPDATE gateway_virtualkey SET revoked_at = now() WHERE id = %s", [key_id])
        revoked_at = time.monotonic()  # committed: the connection is in autocommit

        assert len(cut) >= 1
        refused_after: dict[int, float] = {}
        while len(refused_after) < len(planes) and time.monotonic() < revoked_at + 10:
            for number, stack in enumerate(planes):
                asked_at = time.monotonic()
                if number not in refused_after and stack.get("/v1/models", secret).status == 401:
                    refused_after[number] = asked_at - revoked_at
            time.sleep(0.02)
        assert len(refused_after) == len(planes)
        assert max(refused_after.values()) < 2, refused_after
    finally:
        for stack in others:
            stack.close()


def test_a_key_of_another_organization_sees_only_its_own_models(world: World) -> None:
    stack = world.stack
    other = stack.organization(f"other-{uuid7().hex[-6:]}")
    secret, _ = stack.key(other, stack.project(other))
    owned = stack.model(stack.provider("private", organization_id=world.organization), "private-model", "gpt-4o",
                        organization=world.organization)  # fmt: skip
    stack.route("private-route", [owned], organization_id=world.organization)
    stack.wait_until_current()

    foreign, routed = stack.chat(secret, "private-model"), stack.chat(secret, "private-route")
    offered = [model["id"] for model in stack.get("/v1/models", secret).json()["data"]]
    own = [model["id"] for model in stack.get("/v1/models", world.secret).json()["data"]]

    assert [(answer.status, answer.error_code) for answer in (foreign, routed)] == [(404, "model_not_found")] * 2
    assert {"private-model", "private-route"}.isdisjoint(offered)
    assert {"private-model", "private-route"} <= set(own)
    assert stack.chat(world.secret, "private-route").status == 200


def test_a_denial_leaves_a_line_that_costs_nothing(world: World) -> None:
    secret, key_id = world.stack.key(world.organization, world.project, allowed_models=["gpt-4o-mini"])

    answer = world.stack.chat(secret, "gpt-4o")

    assert (answer.status, answer.error_code) == (403, "model_not_allowed")
    (line,) = world.stack.lines(answer.headers["x-request-id"])
    expected = ("denied", "denied", "model_not_allowed", 403, 0, "free", key_id)
    assert (line["kind"], line["status"], line["error_type"], line["http_status"], line["cost"], line["price_status"],
            str(line["api_key"])) == expected  # fmt: skip


def test_a_key_without_the_scope_may_not_call(world: World) -> None:
    secret, _ = world.stack.key(world.organization, world.project)
    with world.stack.connect() as connection:
        connection.execute("UPDATE gateway_virtualkey SET scopes = '{manage:read}' WHERE prefix = %s", [secret[:11]])
    world.stack.wait_until_current()

    assert world.stack.chat(secret, "gpt-4o").error_code == "scope_missing"


def test_requests_per_minute(world: World) -> None:
    secret, _ = world.stack.key(world.organization, world.project, rpm_limit=3)

    answers = [world.stack.chat(secret, "gpt-4o", max_tokens=1) for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers[:3]] == ["2", "1", "0"]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].error_code == "rate_limit_exceeded"


def test_tokens_per_minute(world: World) -> None:
    secret, _ = world.stack.key(world.organization, world.project, tpm_limit=20)

    answers = [world.stack.chat(secret, "gpt-4o", max_tokens=30) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]


def test_a_spent_budget_is_402_which_clients_do_not_retry(world: World) -> None:
    secret, _ = world.stack.key(world.organization, world.project, budget_amount="0.00057")

    answers = [world.stack.chat(secret, "gpt-4o", max_tokens=30) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 402, 402]
    error = answers[1].json()["error"]
    assert (error["code"], error["type"]) == ("budget_exceeded", "insufficient_quota")
    assert error["message"] == "The budget of this key (0.00057 in all) is used up. It does not refill."
    assert "retry-after" not in answers[1].headers


def test_a_body_past_the_limit_is_413_and_the_client_can_read_it(world: World) -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"' + b"a" * 50_000_000 + b'"}]}'

    answer = world.stack.request("POST", CHAT, body, world.secret)

    assert (answer.status, answer.error_code) == (413, "request_too_large")


def raw(world: World, data: bytes, *, timeout: float = 10) -> bytes:
    with socket.create_connection(("127.0.0.1", world.stack.port), timeout=timeout) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        received = b""
        while piece := peer.recv(65536):
            received += piece
    return received


def test_duplicate_credentials_are_refused(world: World) -> None:
    body = json.dumps(VALID).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\nauthorization: Bearer gw-other\r\n"
        f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    answer = raw(world, head.encode() + body)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code":"duplicate_header"' in answer


@pytest.mark.parametrize("header", ["x-gateway-route", "X-Request-ID", "Content-Type"])
def test_headers_that_decide_something_come_once(world: World, header: str) -> None:
    body = json.dumps(VALID).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\n{header}: cost-optimized\r\n"
        f"{header}: latency-optimized\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    answer = raw(world, head.encode() + body)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code":"duplicate_header"' in answer
    assert f"'{header.lower()}' was sent twice".encode() in answer


def test_contradicting_lengths_never_reach_the_parser(world: World) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\ncontent-length: 5\r\n"
        "content-length: 7\r\n\r\nhello"
    )

    assert raw(world, head.encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_a_body_that_never_comes_is_a_time_out(world: World) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\n"
        "content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", world.stack.port), timeout=10) as peer:
        peer.sendall(head.encode())
        answer = b"".join(iter(lambda: peer.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/nothing", 404, "unknown_url"),
        ("GET", "/v1/models/absent", 404, "model_not_found"),
    ],
)
def test_wrong_urls_and_methods(world: World, method: str, path: str, status: int, code: str) -> None:
    answer = world.stack.request(method, path, secret=world.secret)

    assert (answer.status, answer.error_code) == (status, code)


def test_operations_endpoints(world: World) -> None:
    assert world.stack.get("/healthz").json() == {"status": "ok"}
    assert world.stack.get("/readyz").json()["status"] == "ready"
    assert b"gateway_attempts_total" in world.stack.get("/metrics").body


def test_everything_else_goes_to_the_console_which_may_be_starting(world: World) -> None:
    answer = world.stack.get("/admin/")

    assert answer.status == 503
    assert b"starting" in answer.body


def test_unknown_keys_are_counted_by_prefix_not_logged(world: World) -> None:
    secret = "gw-mistyped" + "x" * 30
    for _ in range(3):
        world.stack.chat(secret, "gpt-4o")

    def counted() -> int:
        with world.stack.connect() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(count), 0) AS n FROM gateway_securityevent WHERE prefix = %s", [secret[:11]]
            ).fetchone()
        assert row is not None
        return int(row["n"])

    world.stack.wait_for(lambda: counted() == 3, timeout_s=5)
    assert secret not in (world.stack.data_dir / "dataplane.log").read_text()


def test_a_deactivated_owner_takes_the_keys_along(world: World) -> None:
    stack = world.stack
    owner = stack.insert(
        "gateway_user", username="leaver", email="leaver@example.com", password="!", is_active=True, is_staff=False,
        is_superuser=False, first_name="", last_name="", theme="auto", shortcuts_enabled=True,
        date_joined=datetime.now(UTC),
    )  # fmt: skip
    secret, _ = stack.key(world.organization, world.project, user_id=owner)
    with stack.connect() as connection:
        connection.execute("UPDATE gateway_user SET is_active = false WHERE id = %s", [owner])

    stack.wait_for(lambda: stack.get("/v1/models", secret).status == 401, timeout_s=2)
