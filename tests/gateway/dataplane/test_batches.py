"""Files and batches through the official client: reached by their project alone, billed once at batch prices."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Stack

ROUTES = (("GET", "/v1/batches"), ("POST", "/v1/batches"), ("POST", "/v1/files"), ("GET", "/v1/files/x"))
USAGE = {"prompt": 1000, "cached": 200, "written_5m": 0, "written_1h": 0, "completion": 300, "reasoning": 100}


@pytest.fixture(scope="session")
def batch_world(world: World) -> World:
    stack = world.stack
    provider = stack.provider("batch-openai")
    stack.model(provider, "batching", "gpt-4o-mini")
    stack.model(provider, "batching-tiers", "gpt-5.4")
    stack.model(provider, "batching-embeddings", "text-embedding-3-small")
    azure = stack.provider("batch-azure", kind="azure", base_url=stack.simulator.url)
    stack.model(azure, "batching-azure", "gpt-4o")
    claude = stack.provider("batch-claude", kind="anthropic")
    stack.model(claude, "batching-claude", "claude-sonnet-5-5")
    stack.wait_until_current()
    return world


@pytest.fixture
def client(batch_world: World) -> Iterator[openai.OpenAI]:
    with client_of(batch_world, batch_world.secret) as client:
        yield client


@pytest.fixture
def at_once(batch_world: World) -> Iterator[Any]:
    """The provider works on a batch when it is looked at, and reports a fixed usage for each of its requests."""
    simulator = batch_world.stack.simulator
    simulator.configure(usage=USAGE)
    yield simulator
    simulator.configure(usage=None)


def client_of(world: World, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{world.stack.port}/v1", api_key=secret, max_retries=0)


def requests_of(model: str = "batching", count: int = 2, url: str = "/v1/chat/completions", **body: Any) -> bytes:
    body = body or {"messages": [{"role": "user", "content": "Say something."}]}
    lines = [
        {"custom_id": f"request-{number}", "method": "POST", "url": url, "body": {"model": model, **body}}
        for number in range(count)
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def upload(client: openai.OpenAI, data: bytes) -> Any:
    return client.files.create(file=("requests.jsonl", data), purpose="batch")


def make(client: openai.OpenAI, file: str, endpoint: Any = "/v1/chat/completions", request_id: str = "") -> Any:
    headers = {"X-Request-ID": request_id} if request_id else {}
    return client.batches.create(
        input_file_id=file, endpoint=endpoint, completion_window="24h", metadata={"night": "1"}, extra_headers=headers
    )


def code_of(caught: pytest.ExceptionInfo[openai.APIStatusError]) -> tuple[int, str | None]:
    return caught.value.status_code, caught.value.code


# ---- a whole batch ---------------------------------------------------------------------------------------------------
def test_a_batch_from_upload_to_results_is_billed_once_at_batch_prices(
    client: openai.OpenAI, batch_world: World, at_once: Any
) -> None:
    file = upload(client, requests_of(count=3))
    batch = make(client, file.id, request_id="batch-whole")
    assert (file.purpose, batch.status, batch.input_file_id) == ("batch", "validating", file.id)

    done = [client.batches.retrieve(batch.id) for _ in range(3)]

    assert [one.status for one in done] == ["completed"] * 3
    assert done[0].request_counts is not None
    assert (done[0].request_counts.completed, done[0].request_counts.failed) == (3, 0)
    results = [json.loads(line) for line in client.files.content(done[0].output_file_id or "").text.splitlines()]
    assert sorted(result["custom_id"] for result in results) == ["request-0", "request-1", "request-2"]
    assert {result["response"]["body"]["model"] for result in results} == {"gpt-4o-mini"}
    (line,) = batch_world.stack.lines("batch-whole")
    assert (line["endpoint"], line["kind"], line["status"], line["request_count"]) == (
        "/v1/batches", "attempt", "ok", 3,
    )  # fmt: skip
    assert (line["provider"], line["model_requested"], line["model_served"]) == ("batch-openai", "batching", "batching")
    assert (str(line["organization"]), str(line["api_key"])) == (batch_world.organization, batch_world.key_id)
    assert (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"]) == (3000, 600, 900)
    assert (line["usage_source"], line["service_tier_served"], line["price_status"]) == ("reported", "batch", "priced")
    # 2,400 x $0.075 + 600 x $0.075 (the list states no batch price of cached input) + 900 x $0.30 a million
    assert line["cost"] == Decimal("0.000495")
    assert abs(line["started_at"].timestamp() - batch.created_at) < 5


def test_calls_of_a_batch_are_as_long_as_each_of_them_is(
    client: openai.OpenAI, batch_world: World, at_once: Any
) -> None:
    """gpt-5.4 costs 1.25 a million in batches, 2.50 above 272,000 tokens: two calls of 200,000 are not above it."""
    at_once.configure(usage={"prompt": 200_000, "completion": 1_000})
    batch = make(client, upload(client, requests_of("batching-tiers")).id, request_id="batch-tiers")

    assert client.batches.retrieve(batch.id).status == "completed"

    (line,) = batch_world.stack.lines("batch-tiers")
    assert (line["input_tokens"], line["cost"]) == (400_000, Decimal("0.5") + Decimal("0.015"))


def test_usage_that_is_not_reported_is_summed_from_the_output(
    client: openai.OpenAI, batch_world: World, at_once: Any
) -> None:
    file = upload(client, requests_of(count=2))
    batch = make(client, file.id, request_id="batch-summed")
    at_once.configure(next_faults=["no-usage"])

    client.batches.retrieve(batch.id)

    (line,) = batch_world.stack.lines("batch-summed")
    assert (line["input_tokens"], line["output_tokens"], line["usage_source"]) == (2000, 600, "reported")


def test_a_batch_of_embeddings(client: openai.OpenAI, batch_world: World, at_once: Any) -> None:
    at_once.configure(usage=None)
    data = requests_of("batching-embeddings", url="/v1/embeddings", input="one two three")
    batch = make(client, upload(client, data).id, "/v1/embeddings", "batch-embeddings")

    assert client.batches.retrieve(batch.id).status == "completed"

    (line,) = batch_world.stack.lines("batch-embeddings")
    assert (line["input_tokens"], line["output_tokens"]) == (6, 0)
    assert line["cost"] == Decimal("0.00000006")  # 6 x $0.01 a million, the price of a batch


def test_a_batch_on_azure(client: openai.OpenAI, batch_world: World, at_once: Any) -> None:
    batch = make(client, upload(client, requests_of("batching-azure")).id, request_id="batch-azure-1")

    assert client.batches.retrieve(batch.id).status == "completed"

    (line,) = batch_world.stack.lines("batch-azure-1")
    assert (line["provider"], line["input_tokens"]) == ("batch-azure", 2000)


def test_a_batch_is_cancelled_and_costs_nothing(client: openai.OpenAI, batch_world: World) -> None:
    batch = make(client, upload(client, requests_of()).id, request_id="batch-cancelled")

    assert client.batches.cancel(batch.id).status == "cancelling"
    assert client.batches.retrieve(batch.id).status == "cancelled"
    assert batch_world.stack.lines("batch-cancelled") == []


def test_lists_are_pages_of_the_project(client: openai.OpenAI, batch_world: World, at_once: Any) -> None:
    files = [upload(client, requests_of()).id for _ in range(3)]
    batches = [make(client, file).id for file in files]

    assert [file.id for file in client.files.list(limit=2, purpose="batch")][:3] == files[::-1]
    page = client.batches.list(limit=2)
    assert ([batch.id for batch in page.data], page.has_more) == (batches[:0:-1], True)
    assert page.get_next_page().data[0].id == batches[0]


def test_a_file_is_read_and_deleted(client: openai.OpenAI) -> None:
    file = upload(client, requests_of(count=1))

    assert client.files.retrieve(file.id).filename == "requests.jsonl"
    kept = json.loads(client.files.content(file.id).text)
    assert kept["body"]["model"] == "gpt-4o-mini"
    assert client.files.delete(file.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_a_repeat_with_the_same_key_makes_no_second_batch(client: openai.OpenAI, at_once: Any) -> None:
    file = upload(client, requests_of())
    asked: dict[str, Any] = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    once = {"Idempotency-Key": "batch-once"}

    first, again = (client.batches.create(**asked, extra_headers=once) for _ in range(2))
    with pytest.raises(openai.UnprocessableEntityError):
        client.batches.create(**asked, metadata={"other": "1"}, extra_headers=once)

    assert again.id == first.id
    assert [batch.id for batch in client.batches.list(limit=1).data] == [first.id]


# ---- tenancy ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def strangers(batch_world: World) -> list[str]:
    """Keys of another organization and of another project, which use the same provider."""
    stack = batch_world.stack
    other = stack.organization("batch-mallory")
    foreign, _ = stack.key(other, stack.project(other))
    sibling, _ = stack.key(batch_world.organization, stack.project(batch_world.organization, "batch-sibling"))
    return [foreign, sibling]


@pytest.mark.parametrize("which", [0, 1], ids=["organization", "project"])
def test_others_do_not_find_it(
    client: openai.OpenAI, batch_world: World, strangers: list[str], at_once: Any, which: int
) -> None:
    file = upload(client, requests_of())
    batch = make(client, file.id)
    done = client.batches.retrieve(batch.id)
    output = done.output_file_id or ""

    with client_of(batch_world, strangers[which]) as other:
        attempts: list[Any] = [
            lambda: other.files.retrieve(file.id),
            lambda: other.files.content(file.id),
            lambda: other.files.content(output),
            lambda: other.files.delete(file.id),
            lambda: other.batches.retrieve(batch.id),
            lambda: other.batches.cancel(batch.id),
            lambda: make(other, file.id),
        ]
        for attempt in attempts:
            with pytest.raises(openai.NotFoundError) as caught:
                attempt()
            assert code_of(caught) == (404, "not_found")
        assert (other.files.list(purpose="batch").data, other.batches.list().data) == ([], [])
    assert client.files.retrieve(file.id).id == file.id


def test_a_strangers_file_is_refused_without_a_broken_pipe(batch_world: World) -> None:
    with client_of(batch_world, "gw-nobody") as nobody, pytest.raises(openai.AuthenticationError):
        upload(nobody, b"x" * 12 * 1024 * 1024)


def test_a_stranger_is_refused(batch_world: World) -> None:
    for method, path in ROUTES:
        answer = batch_world.stack.request(method, path, b"" if method == "POST" else None, "gw-nobody")
        assert (answer.status, answer.error_code) == (401, "invalid_api_key")


# ---- refusals --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no requests"),
        (b"{", "Line 1 of the file: it is not valid JSON"),
        (requests_of() + b"\n\n[]", "Line 4 of the file: 'body'"),
        (requests_of(url="/v1/elsewhere"), "'url' one of"),
        (requests_of() + b"\n" + requests_of("batching-azure"), "Line 3 of the file: all requests"),
        (requests_of(messages="hello"), "Line 1 of the file: 'messages'"),
        (requests_of(messages=[], stream=True), "a batch has no streams"),
        (requests_of(messages=[], stop=["x"] * 260_000, count=1), "it has more than 250,000 parts"),
        (requests_of().replace(b'"model"', b'"model": "x", "model"'), "the key model twice"),
    ],
)
def test_bad_files_name_the_line(client: openai.OpenAI, data: bytes, message: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, data)

    assert caught.value.code in ("invalid_batch_file", "duplicate_key")
    assert message in caught.value.message


def test_files_for_something_else_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("a.jsonl", b"{}"), purpose="assistants")

    assert (caught.value.code, caught.value.param) == ("invalid_request", "purpose")


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("batching-claude", 400, "endpoint_not_supported"), ("nothing-of-the-kind", 404, "model_not_found")],
)
def test_a_model_that_takes_no_batches(client: openai.OpenAI, model: str, status: int, code: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        upload(client, requests_of(model))

    assert code_of(caught) == (status, code)


def test_a_key_uploads_for_its_own_models_only(batch_world: World) -> None:
    secret, _ = batch_world.stack.key(batch_world.organization, batch_world.project, allowed_models=["gpt-4o"])

    with client_of(batch_world, secret) as narrow, pytest.raises(openai.PermissionDeniedError) as caught:
        upload(narrow, requests_of())

    assert code_of(caught) == (403, "model_not_allowed")


def test_a_batch_is_for_the_endpoint_of_its_file(client: openai.OpenAI) -> None:
    file = upload(client, requests_of())

    with pytest.raises(openai.BadRequestError) as caught:
        make(client, file.id, "/v1/embeddings")

    assert (caught.value.code, caught.value.param) == ("invalid_request", "endpoint")


def test_a_used_up_budget_makes_no_batch(client: openai.OpenAI, batch_world: World) -> None:
    file = upload(client, requests_of())
    world = batch_world
    secret, _ = world.stack.key(world.organization, world.project, budget_amount=Decimal("0.0000000001"))

    with client_of(batch_world, secret) as poor, pytest.raises(openai.APIStatusError) as caught:
        make(poor, file.id, request_id="batch-poor")

    assert code_of(caught) == (402, "budget_exceeded")
    (line,) = batch_world.stack.lines("batch-poor")
    assert (line["kind"], line["endpoint"], line["model_requested"]) == ("denied", "/v1/batches", "batching")


def test_unknown_paths_below(batch_world: World) -> None:
    answer = batch_world.stack.request("GET", "/v1/batches/x/y", None, batch_world.secret)
    assert (answer.status, answer.error_code) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/v1/batches/x", "GET"), ("PUT", "/v1/files/x", "GET, DELETE"), ("TRACE", "/v1/files", "GET, POST")],
)
def test_other_methods_are_405(batch_world: World, method: str, path: str, allow: str) -> None:
    answer = batch_world.stack.request(method, path, None, batch_world.secret)

    assert (answer.status, answer.error_code, answer.headers["allow"]) == (405, "method_not_allowed", allow)


def test_a_batch_booked_again_counts_once(client: openai.OpenAI, batch_world: World, at_once: Any) -> None:
    """As after a process was killed between the line and the mark that it is booked."""
    batch = make(client, upload(client, requests_of()).id, request_id="batch-again")
    forget = "UPDATE gateway_providerobject SET settled_at = NULL, status = 'in_progress' WHERE object_id = %s"

    for _ in range(3):
        client.batches.retrieve(batch.id)
        batch_world.stack.book()
        with batch_world.stack.connect() as connection:
            connection.execute(forget, [batch.id])

    (line,) = batch_world.stack.lines("batch-again")
    assert line["request_count"] == 2


# ---- nobody asks -----------------------------------------------------------------------------------------------------
def test_rows_hold_what_is_left_to_be_booked(client: openai.OpenAI, batch_world: World, at_once: Any) -> None:
    batch = make(client, upload(client, requests_of()).id)
    statement = "SELECT status, settled_at, line_id FROM gateway_providerobject WHERE object_id = %s"

    with batch_world.stack.connect() as connection:
        before = connection.execute(statement, [batch.id]).fetchone()
        client.batches.retrieve(batch.id)
        after = connection.execute(statement, [batch.id]).fetchone()

    assert before is not None
    assert after is not None
    assert (before["status"], before["settled_at"]) == ("validating", None)
    assert (after["status"], after["line_id"]) == ("completed", before["line_id"])
    assert isinstance(after["settled_at"], datetime)


@pytest.mark.slow
def test_a_batch_that_nobody_asks_for_is_booked_all_the_same(
    client: openai.OpenAI, batch_world: World, at_once: Any, tmp_path: Path
) -> None:
    batch = make(client, upload(client, requests_of()).id, request_id="batch-forgotten")
    stack = batch_world.stack
    other = Stack(tmp_path, stack.url, stack.simulator, {"GATEWAY_BATCH_CHECK_S": "0.5"})

    other.start()
    try:
        other.wait_for(lambda: other.lines("batch-forgotten"))
        client.batches.retrieve(batch.id)  # meanwhile or later somebody does
    finally:
        other.close()

    stack.book()
    (line,) = other.lines("batch-forgotten")
    assert (line["input_tokens"], line["output_tokens"]) == (2000, 600)
