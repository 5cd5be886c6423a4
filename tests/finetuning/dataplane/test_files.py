"""`/v1/files` and `/v1/uploads` with the official client, through both processes."""

import hashlib
import itertools
import json
import socket
import threading
from pathlib import Path
from typing import Any, Self

import openai
import psutil
import pytest

from gateway.dataplane.forms import Form, Part
from tests.finetuning.conftest import chat
from tests.finetuning.dataplane.conftest import CONSOLES, client_of
from tests.gateway.dataplane.conftest import World
from tests.gateway.dataplane.stack import Answer, Stack
from tests.gateway.dataplane.test_batches import code_of, requests_of

MIB = 1024 * 1024


def training(count: int = 3, name: str = "Question") -> bytes:
    return b"".join(json.dumps(chat(f"{name} {n}?", f"Answer {n}.")).encode() + b"\n" for n in range(count))


def upload(client: openai.OpenAI, data: bytes, name: str = "train.jsonl") -> Any:
    return client.files.create(file=(name, data), purpose="fine-tune")


def post_file_first(world: World, data: bytes) -> Answer:
    form = Form((Part("file", data, "t.jsonl"), Part("purpose", b"fine-tune")))
    kind, body = form.encode({})
    return world.stack.request("POST", "/v1/files", body, world.secret, Content_Type=kind)


PROJECTS = itertools.count()


@pytest.fixture
def fresh(with_console: World) -> Any:
    """A client of a project of its own."""
    stack = with_console.stack
    project = stack.project(with_console.organization, f"tuning-{next(PROJECTS)}")
    secret, _ = stack.key(with_console.organization, project)
    with client_of(with_console, secret) as client:
        yield client


@pytest.mark.slow
def test_a_file_from_upload_to_deletion(client: openai.OpenAI) -> None:
    data = training()

    file = upload(client, data, "träin.jsonl")

    assert file.id.startswith("file-ft-")
    assert (file.object, file.purpose, file.status, file.bytes) == ("file", "fine-tune", "processed", len(data))
    assert file.filename == "träin.jsonl"
    assert client.files.retrieve(file.id).model_dump() == file.model_dump()
    assert client.files.content(file.id).content == data
    assert client.files.delete(file.id).deleted is True
    with pytest.raises(openai.NotFoundError) as gone:
        client.files.retrieve(file.id)
    assert code_of(gone) == (404, "not_found")


def test_a_file_of_many_pieces_passes_whole(client: openai.OpenAI) -> None:
    line = json.dumps(chat("Question?", "x" * 60_000)).encode() + b"\n"
    data = line * 160

    file = upload(client, data)

    assert file.bytes == len(data) > 9 * MIB
    got = client.files.content(file.id).content
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("count", [2, 30_000])
def test_the_purpose_may_come_behind_the_file(with_console: World, count: int) -> None:
    data = training(count)

    answer = post_file_first(with_console, data)

    assert (answer.status, answer.json()["bytes"]) == (200, len(data))


@pytest.mark.slow
def test_a_long_file_before_its_purpose_is_refused_with_what_to_do(with_console: World) -> None:
    data = training(1) + b" " * (65 * MIB)

    answer = post_file_first(with_console, data)

    assert answer.status == 413
    assert answer.json()["error"]["message"].endswith("send 'purpose' before 'file'.")


@pytest.mark.slow
def test_no_process_holds_a_long_file(with_console: World, client: openai.OpenAI, tmp_path: Path) -> None:
    """200 MiB up and down again; neither process grows by a third of it."""
    assert with_console.stack.process is not None
    processes = [psutil.Process(with_console.stack.process.pid), psutil.Process(CONSOLES[with_console.stack.port].pid)]
    upload(client, training())
    before = [process.memory_info().rss for process in processes]
    path = tmp_path / "long.jsonl"
    with path.open("wb") as written:
        for number in range(200):
            written.write(json.dumps(chat(f"Question {number}?", "x" * (MIB - 200))).encode() + b"\n")

    with path.open("rb") as content, Peaks(processes) as peaks:
        file = client.files.create(file=("long.jsonl", content), purpose="fine-tune")
        with client.files.with_streaming_response.content(file.id) as answer:
            digest = hashlib.sha256()
            for piece in answer.iter_bytes(MIB):
                digest.update(piece)

    assert digest.digest() == hashlib.sha256(path.read_bytes()).digest()
    assert [(after - first) // MIB < 64 for after, first in zip(peaks.most, before, strict=True)] == [True, True]


class Peaks:
    """The most memory of processes while it is entered, looked at 50 times a second."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes, self._over = processes, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = [0] * len(processes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            now = [process.memory_info().rss for process in self._processes]
            self.most = [max(pair) for pair in zip(self.most, now, strict=True)]


@pytest.mark.parametrize(
    ("data", "purpose", "code", "param"),
    [
        (b"a,b\n1,2\n", "fine-tune", "not_jsonl", "file"),
        (b"", "fine-tune", "empty_file", "file"),
        (b"{}\n", "assistants", "invalid_request", "purpose"),
        (b"{}\n", "fine-tune-results", "invalid_request", "purpose"),
    ],
)
def test_refusals_are_in_openais_shape(client: openai.OpenAI, data: bytes, purpose: Any, code: str, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=("x.jsonl", data), purpose=purpose)

    assert code_of(refused) == (400, code)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_keys_that_may_not(with_console: World) -> None:
    stack = with_console.stack
    with client_of(with_console, "gw-nobody") as stranger, pytest.raises(openai.AuthenticationError) as unknown:
        upload(stranger, training())
    assert code_of(unknown) == (401, "invalid_api_key")
    # directly, past the data plane's own check
    answer = stack.request("GET", "/api/openai/v1/files", secret="gw-nobody")
    assert (answer.status, answer.error_code) == (401, "invalid_api_key")
    answer = stack.request("GET", "/v1/uploads/upload_x")
    assert (answer.status, answer.error_code) == (401, "invalid_api_key")
    answer = stack.request("GET", "/v1/uploads/a/b/c", secret=with_console.secret)
    assert (answer.status, answer.error_code) == (404, "unknown_url")


def test_a_file_is_its_projects_alone(client: openai.OpenAI, fresh: openai.OpenAI) -> None:
    file = upload(client, training())

    for attempt in (fresh.files.retrieve, fresh.files.content, fresh.files.delete):
        with pytest.raises(openai.NotFoundError):
            attempt(file.id)
    assert [one.id for one in fresh.files.list()] == []
    assert client.files.retrieve(file.id).id == file.id


def test_one_list_shows_files_of_both_kinds(with_console: World, fresh: openai.OpenAI) -> None:
    stack = with_console.stack
    stack.model(stack.provider("files-openai"), "batching-files", "gpt-4o-mini")
    stack.wait_until_current()
    made = []
    for number in range(3):
        made.append(upload(fresh, training(name=f"N{number}")).id)
        batch = fresh.files.create(file=("requests.jsonl", requests_of("batching-files")), purpose="batch")
        made.append(batch.id)

    page = fresh.files.list(limit=2)

    assert [one.id for one in page] == made[::-1]
    assert [one.id for one in page.data] == made[:3:-1]
    assert page.has_more is True
    assert [one.id for one in fresh.files.list(order="asc", limit=4)] == made
    assert [one.id for one in fresh.files.list(purpose="fine-tune")] == made[-2::-2]
    assert [one.id for one in fresh.files.list(purpose="batch", limit=1)] == made[::-2]
    assert [one.id for one in fresh.files.list(after=made[2])] == made[1::-1]
    with pytest.raises(openai.NotFoundError):
        fresh.files.list(after="file-unknown")


# ---- uploads in parts ------------------------------------------------------------------------------------------------
def test_an_upload_in_parts(client: openai.OpenAI) -> None:
    data = training(4_000)
    cut = len(data) // 2
    begun = client.uploads.create(filename="long.jsonl", purpose="fine-tune", bytes=len(data), mime_type="text/jsonl")
    late = client.uploads.parts.create(begun.id, data=data[cut:])
    lost = client.uploads.parts.create(begun.id, data=b"sent twice, the answer was lost")
    early = client.uploads.parts.create(begun.id, data=data[:cut])

    done = client.uploads.complete(
        begun.id, part_ids=[early.id, late.id], md5=hashlib.md5(data).hexdigest()
    )  # fmt: skip

    assert begun.status == "pending"
    assert len({late.id, lost.id, early.id}) == 3
    assert done.status == "completed"
    assert done.file is not None
    assert (done.file.bytes, done.file.filename, done.file.purpose) == (len(data), "long.jsonl", "fine-tune")
    assert client.files.content(done.file.id).content == data
    again = client.uploads.complete(begun.id, part_ids=[early.id, late.id])
    assert again.file is not None
    assert again.file.id == done.file.id


def test_the_clients_own_chunked_upload(client: openai.OpenAI) -> None:
    data = training(500)

    done = client.uploads.upload_file_chunked(
        file=data, filename="c.jsonl", bytes=len(data), mime_type="text/jsonl", purpose="fine-tune", part_size=10_000
    )

    assert done.file is not None
    assert client.files.content(done.file.id).content == data


def test_a_broken_upload_tells_what_has_arrived(with_console: World, client: openai.OpenAI) -> None:
    begun = client.uploads.create(filename="a.jsonl", purpose="fine-tune", bytes=10, mime_type="text/jsonl")
    part = client.uploads.parts.create(begun.id, data=b"12345")

    answer = with_console.stack.get(f"/v1/uploads/{begun.id}", with_console.secret).json()

    assert (answer["status"], answer["parts"]) == ("pending", [{"id": part.id, "bytes": 5}])


@pytest.mark.parametrize(
    ("parts", "named", "code"),
    [
        ((b"{}\n{}\n",), None, "size_differs"),
        ((b"x" * 10,), None, "not_jsonl"),
        ((b'{"a": 12}\n',), ["part_other"], "invalid_request"),
        ((b'{"a": 12}\n',), "twice", "part_repeated"),
    ],
)
def test_what_completing_refuses(client: openai.OpenAI, parts: Any, named: Any, code: str) -> None:
    begun = client.uploads.create(filename="a.jsonl", purpose="fine-tune", bytes=10, mime_type="text/jsonl")
    ids = [client.uploads.parts.create(begun.id, data=part).id for part in parts]
    chosen = ids * 2 if named == "twice" else named or ids

    with pytest.raises(openai.APIStatusError) as refused:
        client.uploads.complete(begun.id, part_ids=chosen)

    assert refused.value.code == code
    assert client.uploads.cancel(begun.id).status == "cancelled"
    with pytest.raises(openai.ConflictError) as over:
        client.uploads.parts.create(begun.id, data=b"x")
    assert code_of(over) == (409, "upload_over")


def test_uploads_in_parts_are_for_training(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.uploads.create(filename="a.jsonl", purpose="batch", bytes=10, mime_type="text/jsonl")

    assert (refused.value.param, refused.value.message.endswith("go to /v1/files.'}}")) == ("purpose", False)


def test_several_at_once(client: openai.OpenAI) -> None:
    begun = client.uploads.create(filename="a.jsonl", purpose="fine-tune", bytes=5 * 8, mime_type="text/jsonl")
    made: list[str] = []

    def send(number: int) -> None:
        made.append(client.uploads.parts.create(begun.id, data=b'{"a":%d}\n' % number).id)

    threads = [threading.Thread(target=send, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done = client.uploads.complete(begun.id, part_ids=made)

    assert len(set(made)) == 5
    assert done.file is not None
    assert sorted(client.files.content(done.file.id).content.split()) == [b'{"a":%d}' % n for n in range(5)]


# ---- the console is away ---------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_what_needs_the_console_says_so(world: World) -> None:
    """A data plane whose console was never started: files of batches go on."""
    stack = Stack(world.stack.data_dir / "alone", world.stack.url, world.stack.simulator)
    stack.data_dir.mkdir(exist_ok=True)
    stack.start()
    try:
        answers = [stack.request(*asked, None, world.secret) for asked in (
            ("GET", "/v1/files"), ("GET", f"/v1/files/file-ft-{'0' * 32}"), ("GET", "/v1/uploads/upload_x"),
            ("GET", "/v1/files?purpose=batch"),
        )]  # fmt: skip
    finally:
        stack.close()

    assert [answer.status for answer in answers] == [503, 503, 503, 200]
    assert {answer.error_code for answer in answers[:3]} == {"storage_unavailable"}
    assert answers[0].headers["retry-after"] == "2"


def test_a_part_that_breaks_off_has_not_arrived_and_comes_again(with_console: World, client: openai.OpenAI) -> None:
    data = training(3_000)
    cut = len(data) // 2
    begun = client.uploads.create(filename="a.jsonl", purpose="fine-tune", bytes=len(data), mime_type="text/jsonl")
    first = client.uploads.parts.create(begun.id, data=data[:cut])
    kind, body = Form((Part("data", data[cut:], "part"),)).encode({})
    head = (
        f"POST /v1/uploads/{begun.id}/parts HTTP/1.1\r\nHost: gateway\r\n"
        f"Authorization: Bearer {with_console.secret}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", with_console.stack.port)) as broken:
        broken.sendall(head + body[: len(body) // 2])

    arrived = with_console.stack.get(f"/v1/uploads/{begun.id}", with_console.secret).json()["parts"]
    second = client.uploads.parts.create(begun.id, data=data[cut:])
    done = client.uploads.complete(begun.id, part_ids=[first.id, second.id])

    assert [part["id"] for part in arrived] == [first.id]
    assert done.file is not None
    assert client.files.content(done.file.id).content == data
