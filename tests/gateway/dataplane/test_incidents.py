"""What was published about other gateways, tried on this data plane; `docs/security/incidents.md` has the table."""

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from gateway.dataplane.forms import MAX_PARTS, Form, FormError
from tests.gateway.dataplane.conftest import Recorder, World


def said(text: str) -> dict[str, object]:
    return {"model": "recorded", "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("text", ["{{ 7*7 }}{% for x in [].__class__ %}", "${7*7}<%= 7*7 %>", "{0.__class__}%s%n"])
def test_stored_and_sent_text_is_no_template(world: World, recorder: Recorder, text: str) -> None:
    assert world.stack.request("POST", "/v1/chat/completions", said(text), world.secret).status == 200

    (body,) = recorder.bodies
    assert json.loads(body)["messages"][0]["content"] == text


@pytest.mark.parametrize("name", ["../../../victim.txt", "/tmp/victim.txt", "..\\..\\victim.txt", "a\x00b.wav"])
def test_the_name_of_an_upload_is_no_path(world: World, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("still here")
    edge, name = "x-edge", name.replace("/tmp", str(tmp_path))
    form = (
        f'--{edge}\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-mini\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        f"RIFF\r\n--{edge}--\r\n"
    ).encode()
    before = set(os.listdir(world.stack.data_dir))

    answer = world.stack.request(
        "POST", "/v1/audio/transcriptions", form, world.secret, Content_Type=f"multipart/form-data; boundary={edge}"
    )

    assert answer.status < 500
    assert victim.read_text() == "still here"
    assert set(os.listdir(world.stack.data_dir)) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"api_base": "http://127.0.0.1:9/v1"},
        {"base_url": "http://169.254.169.254/"},
        {"host": "evil.example"},
        {"api_key": "sk-theirs"},
        {"extra_headers": {"x-a": "b"}},
        {"callback_url": "http://evil.example"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_caller_cannot_choose_where_a_call_goes(world: World, recorder: Recorder, fields: dict[str, object]) -> None:
    headers = {
        "X_Api_Base": "http://127.0.0.1:9",
        "X_Portkey_Custom_Host": "http://127.0.0.1:9",
        "Helicone_Target_URL": "http://x",
    }

    answer = world.stack.request("POST", "/v1/chat/completions", said("hello") | fields, world.secret, **headers)

    assert answer.status in (200, 400)
    for head in recorder.heads:  # to the provider, with its own credential and nobody else's
        assert f"host: 127.0.0.1:{recorder.port}" in head.lower()
        assert "sk-theirs" not in head
        assert not [
            name for name in ("x-api-base", "x-portkey-custom-host", "helicone-target-url") if name in head.lower()
        ]
    assert len(recorder.heads) == (answer.status == 200)


@pytest.mark.parametrize("kept", [20, 30, -1])
def test_a_key_is_known_by_all_of_it(world: World, kept: int) -> None:
    assert world.stack.get("/v1/models", world.secret).status == 200
    other = world.secret[:kept] + "".join("b" if letter == "a" else "a" for letter in world.secret[kept:])

    assert world.stack.get("/v1/models", other).status == 401
    assert world.stack.get("/v1/models", world.secret[:kept]).status == 401


@pytest.mark.parametrize(
    "key",
    [
        "' OR '1'='1",
        "gw-' UNION SELECT digest FROM gateway_virtualkey --",
        "gw-%",
        "gw-\\x00",
        "gw-" + "a" * 5000,
        "gw-{}",
    ],
)
def test_a_key_is_no_part_of_a_query(world: World, key: str) -> None:
    with world.stack.connect() as connection:
        before = connection.execute("SELECT count(*) AS n FROM gateway_virtualkey").fetchone()

    answer = world.stack.request("POST", "/v1/chat/completions", said("hello"), key)

    assert (answer.status, answer.error_code) == (401, "invalid_api_key")
    with world.stack.connect() as connection:
        assert connection.execute("SELECT count(*) AS n FROM gateway_virtualkey").fetchone() == before


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/models", {"Host": "localhost"}),
        ("/v1/models", {"Host": "127.0.0.1/healthz?"}),
        ("/v1/models", {"X_Original_URL": "/healthz", "X_Rewrite_URL": "/healthz", "X_Forwarded_Host": "localhost"}),
        ("//v1/models", {}),
        ("/v1//models", {}),
        ("/healthz/../v1/models", {}),
        ("/v1/models/..;/models", {}),
        ("/%76%31/models", {}),
        ("/v1/models%2f..%2fhealthz", {}),
    ],
    ids=str,
)
def test_neither_host_nor_spelling_of_a_path_lets_anybody_in(world: World, path: str, headers: dict[str, str]) -> None:
    answer = world.stack.request("GET", path, **headers)

    assert answer.status in (400, 401, 404, 502, 503), answer.body[:200]
    assert b'"gpt-4o"' not in answer.body


def test_strangers_send_no_large_forms(world: World) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"-" * 5_000_000

    answer = world.stack.request(
        "POST", "/v1/audio/transcriptions", form, "gw-nobody", Content_Type="multipart/form-data; boundary=x"
    )

    assert (answer.status, answer.error_code) == (401, "invalid_api_key")


class Counted(bytes):
    """Adds up how much of it is looked through."""

    seen = calls = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        stop = len(self) if end is None else min(end, len(self))
        place = super().find(sub, start, stop)
        self.seen, self.calls = self.seen + (stop if place < 0 else place + len(sub)) - start, self.calls + 1
        return place

    def startswith(self, prefix: Any, start: Any = 0, end: Any = None) -> bool:
        self.seen, self.calls = self.seen + len(prefix), self.calls + 1
        return super().startswith(prefix, start)


HEAD = b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
FORMS = {
    "dashes behind the boundary": b"--x" + b"-" * 100_000,
    "dashes for a value": b"--x" + HEAD + b"-" * 100_000,
    "nearly the boundary, again and again": b"--x" + HEAD + b"\r\n--" * 20_000,
    "the boundary in longer ones": b"--x" + HEAD + b"\r\n--x-" * 20_000,
    "parts without an end": (b"--x" + HEAD + b"\r\n") * 2_000,
    "a head without an end": b"--x\r\n" + b"a: b\r\n" * 20_000,
    "empty lines": b"--x" + b"\r\n" * 50_000,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("boundary", [b"x", b"x" + b"-" * 69])
def test_no_boundary_makes_a_form_be_read_twice(form: bytes, boundary: bytes) -> None:
    """The work is bounded by the body's size (CVE-2024-8984 took each dash behind a boundary as a case of its own)."""
    body = Counted(form.replace(b"--x", b"--" + boundary))

    with suppress(FormError):  # some end the form early
        Form.read(f"multipart/form-data; boundary={boundary.decode()}", body)

    assert body.seen <= len(body) + 100 * MAX_PARTS
    assert body.calls <= 5 * (MAX_PARTS + 1)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_django_reads_a_form_in_a_number_of_steps_that_grows_as_the_form(form: bytes) -> None:
    def steps(body: bytes) -> int:
        made = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal made
            made += 1

        about = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": str(len(body))}
        handler = MemoryFileUploadHandler()
        sys.setprofile(count)
        try:
            with suppress(SuspiciousOperation, MultiPartParserError):
                MultiPartParser(about, io.BytesIO(body), [handler]).parse()
        finally:
            sys.setprofile(None)
        return made

    assert steps(form + form[3:] * 3) <= 6 * steps(form)
