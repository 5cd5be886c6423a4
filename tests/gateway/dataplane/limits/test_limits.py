"""What callers meet: headers, messages, every scope, tokens, slots, shadow."""

import socket
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.limits.fleet import MODEL, Fleet, statuses
from tests.gateway.dataplane.stack import Answer, Stack

pytestmark = pytest.mark.slow


def client(stack: Stack, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=secret, max_retries=0)


def ask(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "hello"}]
    return client.chat.completions.with_raw_response.create(model=MODEL, messages=messages, max_tokens=5)


def test_the_official_client_reads_headers_and_the_refusal(fleet: Fleet) -> None:
    organization, project = fleet.tenant("headers")
    secret, _ = fleet.key(organization, project, rpm_limit=10, tpm_limit=1000)
    fleet.limit(organization, "organization", organization, rpm=2, tpm=5000)
    fleet.wait_until_current()

    with client(fleet, secret) as openai_client:
        heads = [ask(openai_client).headers for _ in range(2)]
        with pytest.raises(openai.RateLimitError) as refused:
            ask(openai_client)

    names = ("limit-requests", "remaining-requests", "limit-tokens")
    assert [[head[f"x-ratelimit-{name}"] for name in names] for head in heads] == [
        ["2", "1", "1000"],
        ["2", "0", "1000"],
    ]
    tokens = [int(head["x-ratelimit-remaining-tokens"]) for head in heads]
    assert 1000 > tokens[0] > tokens[1] > 900
    assert float(heads[0]["x-ratelimit-reset-requests"].removesuffix("s")) <= 60
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.message.count("Rate limit 'by organization' of 2 requests per minute reached for this") == 1
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60
    assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_a_call_that_sets_no_limit_reserves_what_its_answer_may_take(fleet: Fleet) -> None:
    organization, project = fleet.tenant("unlimited-answers")
    secret, _ = fleet.key(organization, project, tpm_limit=100_000)
    fleet.wait_until_current()
    messages: Any = [{"role": "user", "content": "hello"}]
    left = []

    with client(fleet, secret) as openai_client:
        for limit in ({}, {"max_tokens": 1}, {"max_tokens": 3_000}):
            answer = openai_client.chat.completions.with_raw_response.create(model=MODEL, messages=messages, **limit)
            left.append(int(answer.headers["x-ratelimit-remaining-tokens"]))

    assert 98_950 < left[0] < 99_000  # a thousand for the answer, and the prompt
    assert 99_700 < left[1] < 100_000  # what the first one did not need is back
    assert 96_700 < left[2] < 97_000


def test_an_anthropic_caller_gets_its_own_error(fleet: Fleet) -> None:
    organization, project = fleet.tenant("anthropic-limits")
    secret, _ = fleet.key(organization, project, rpm_limit=0)
    base = f"http://127.0.0.1:{fleet.port}"

    with (
        anthropic.Anthropic(base_url=base, api_key=secret, max_retries=0) as theirs,
        pytest.raises(anthropic.RateLimitError) as refused,
    ):
        theirs.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "hello"}])

    body: Any = refused.value.body
    message = "Rate limit of 0 requests per minute reached for this key."
    said = {"type": "rate_limit_error", "message": message, "code": "rate_limit_exceeded"}
    assert body == {"type": "error", "error": said}


SCOPES = ["organization", "team", "project", "key", "user", "end_user", "tag", "model"]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_limits_its_own_calls_and_no_others(fleet: Fleet, scope: str) -> None:
    """`mine` falls under the limit of two a minute, `other` differs in this scope alone."""
    slug = f"scope-{scope.replace('_', '-')}"
    organization = fleet.organization(slug)
    team = fleet.insert("gateway_team", organization_id=organization, slug="team", name="team")
    project = fleet.insert("gateway_project", organization_id=organization, slug="p", name="p", team_id=team)
    user = person(fleet, f"{slug}@example.com")
    secret, key = fleet.key(organization, project, user_id=user)
    values = {
        "organization": organization, "team": team, "project": project, "key": key, "user": user, "end_user": "ann",
        "tag": "feature=search", "model": MODEL,
    }  # fmt: skip
    fleet.limit(organization, scope, values[scope], rpm=2)
    other_project = fleet.insert("gateway_project", organization_id=organization, slug="q", name="q")
    other_secret = secret
    if scope == "organization":
        elsewhere = fleet.organization(f"{slug}-other")
        other_secret, _ = fleet.key(elsewhere, fleet.project(elsewhere))
    elif scope in ("team", "project", "key", "user"):
        other_secret, _ = fleet.key(organization, other_project, user_id=person(fleet, f"other-{slug}@example.com"))
    fleet.wait_until_current()

    mine = [call(fleet, secret, MODEL, "ann", "feature=search") for _ in range(3)]
    other = [
        call(fleet, other_secret, "sim-other" if scope == "model" else MODEL,
             "bob" if scope == "end_user" else "ann", "feature=chat" if scope == "tag" else "feature=search")
        for _ in range(3)
    ]  # fmt: skip

    assert [answer.status for answer in mine] == [200, 200, 429]
    assert [answer.status for answer in other] == [200, 200, 200]
    about = {"end_user": "the end user 'ann'", "tag": "the tag 'feature=search'", "model": f"the model '{MODEL}'",
             "user": "this person"}.get(scope, f"this {scope}")  # fmt: skip
    message = f"Rate limit 'by {scope}' of 2 requests per minute reached for {about}."
    assert mine[2].json()["error"]["message"] == message


def test_a_limit_for_each_counts_each_by_itself(fleet: Fleet) -> None:
    organization, project = fleet.tenant("each")
    secret, _ = fleet.key(organization, project)
    fleet.limit(organization, "end_user", "*", rpm=1)
    fleet.wait_until_current()

    answers = [call(fleet, secret, MODEL, who, "a=b") for who in ("ann", "bob", "ann", "bob")]

    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert "the end user 'bob'" in answers[3].json()["error"]["message"]


def test_a_call_that_one_limit_refuses_takes_nothing_of_the_others(fleet: Fleet) -> None:
    organization, project = fleet.tenant("all-or-none")
    narrow, key = fleet.key(organization, project)
    wide, _ = fleet.key(organization, project)
    fleet.limit(organization, "key", key, rpm=1)
    fleet.limit(organization, "organization", organization, rpm=5)
    fleet.wait_until_current()

    assert statuses(fleet.spread(9, narrow)) == {200: 1, 429: 8}

    assert statuses(fleet.spread(9, wide)) == {200: 4, 429: 5}


def test_tokens_are_estimated_and_then_corrected(fleet: Fleet) -> None:
    """Each call may answer with 900 tokens and answers with five: four at once do not fit, one after another do."""
    organization, project = fleet.tenant("tokens")
    secret, _ = fleet.key(organization, project, tpm_limit=2000)
    fleet.wait_until_current()

    at_once = fleet.spread(4, secret, model="sim-paced-5x40", max_tokens=900)
    fleet.wait_for(lambda: fleet.chat(secret, "sim-paced-5x40", max_tokens=900).status == 200, timeout_s=5)
    one_by_one = [fleet.chat(secret, "sim-paced-5x40", max_tokens=900) for _ in range(3)]

    assert statuses(at_once) == {200: 2, 429: 2}
    assert "of 2000 tokens per minute" in next(a for a in at_once if a.status == 429).json()["error"]["message"]
    assert statuses(one_by_one) == {200: 3}


def test_slots_come_free_when_clients_leave_and_when_providers_fail(fleet: Fleet) -> None:
    organization, project = fleet.tenant("slots-free")
    secret, key = fleet.key(organization, project)
    limit = fleet.limit(organization, "key", key, concurrency=1)
    fleet.wait_until_current()

    leave(fleet, secret, while_waiting=lambda: fleet.wait_for(lambda: fleet.slots(limit) == 1))
    fleet.wait_for(lambda: fleet.slots(limit) == 0)
    failed = [fleet.at(port).chat(secret, "sim-fault-error-500").status for port in fleet.ports]
    fleet.wait_for(lambda: fleet.slots(limit) == 0)

    assert failed == [502, 502, 502, 502]
    assert fleet.at(fleet.ports[1]).chat(secret, MODEL).status == 200


def test_concurrent_calls_are_limited_over_all_processes(fleet: Fleet) -> None:
    organization, project = fleet.tenant("slots-exact")
    secret, key = fleet.key(organization, project)
    fleet.limit(organization, "key", key, concurrency=3)
    fleet.wait_until_current()

    answers = fleet.spread(12, secret, model="sim-paced-50x100", stream=True, max_tokens=50)

    assert statuses(answers) == {200: 3, 429: 9}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.json()["error"]["message"] == "Rate limit 'by key' of 3 concurrent requests reached for this key."
    assert refused.headers["retry-after"] == "1"


def test_a_shadow_limit_refuses_nothing_and_counts(fleet: Fleet) -> None:
    organization, project = fleet.tenant("shadow")
    secret, _ = fleet.key(organization, project)
    limit = fleet.limit(organization, "organization", organization, rpm=2, is_shadow=True)
    fleet.wait_until_current()

    answers = [fleet.chat(secret, MODEL) for _ in range(5)]

    assert statuses(answers) == {200: 5}
    assert "x-ratelimit-limit-requests" not in answers[0].headers
    fleet.wait_for(lambda: would_limit(fleet, limit) == 3)


def test_a_changed_limit_holds_in_the_running_window(fleet: Fleet) -> None:
    organization, project = fleet.tenant("changed")
    secret, _ = fleet.key(organization, project)
    limit = fleet.limit(organization, "organization", organization, rpm=2)
    fleet.wait_until_current()
    assert statuses(fleet.spread(4, secret)) == {200: 2, 429: 2}

    with fleet.connect() as connection:
        connection.execute("UPDATE gateway_ratelimit SET rpm = 5 WHERE id = %s", [limit])
    fleet.wait_until_current()

    assert statuses(fleet.spread(6, secret)) == {200: 3, 429: 3}


def test_one_process_without_redis_is_exact(world: World) -> None:
    stack = world.stack
    secret, _ = stack.key(world.organization, world.project, rpm_limit=3)

    answers = [stack.chat(secret, "gpt-4o", max_tokens=1).status for _ in range(5)]

    assert answers == [200, 200, 200, 429, 429]
    assert stack.get("/readyz").json()["rate_limits"] == "process"


def test_a_rotated_key_shares_its_window_with_its_successor(world: World) -> None:
    stack = world.stack
    old, first = stack.key(world.organization, world.project, rpm_limit=3)
    new, _ = stack.key(world.organization, world.project, rpm_limit=3, rotated_from_id=first, lineage_id=first)

    answers = [stack.chat(secret, "gpt-4o", max_tokens=1).status for secret in (old, new, old, new, old)]

    assert answers == [200, 200, 200, 429, 429]


# ---- helpers ---------------------------------------------------------------------------------------------------------
def call(fleet: Fleet, secret: str, model: str, end_user: str, tag: str) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "user": end_user}
    return fleet.request("POST", "/v1/chat/completions", body, secret, x_gateway_tags=tag)


def person(fleet: Fleet, email: str) -> str:
    return fleet.insert(
        "gateway_user", username=email, email=email, first_name="", last_name="", password="!", theme="auto",
        shortcuts_enabled=True, is_superuser=False, is_staff=False, is_active=True, date_joined="2026-01-01",
    )  # fmt: skip


def would_limit(fleet: Fleet, limit: str) -> int:
    with fleet.connect() as connection:
        rows = connection.execute(
            "SELECT info->'limits'->'would_limit'->>%s AS n FROM gateway_heartbeat WHERE name LIKE 'dataplane:%%'",
            [limit],
        ).fetchall()
    return sum(int(row["n"] or 0) for row in rows)


def leave(fleet: Fleet, secret: str, while_waiting: Any) -> None:
    """Begin a stream and hang up in its middle."""
    body = b'{"model":"sim-paced-50x100","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"hello"}]}'
    with socket.create_connection(("127.0.0.1", fleet.port)) as peer:
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer " + secret.encode() + b"\r\ncontent-length: " + str(len(body)).encode()
            + b"\r\n\r\n" + body
        )  # fmt: skip
        peer.recv(1024)
        while_waiting()
