"""Images, audio and moderations through the official client: the answer passes, usage and cost reach the ledger."""

import base64
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx2 as httpx
import openai
import pytest

from gateway.dataplane.forms import Form
from gateway.simulator import media
from tests.gateway.dataplane.conftest import Recorder, World

MODELS = ("omni-moderation-latest", "gpt-image-1", "gpt-image-1.5", "dall-e-3", "dall-e-2", "tts-1", "gpt-4o-mini-tts",
          "whisper-1", "gpt-4o-transcribe")  # fmt: skip
WAV = media.wav(bytes(2 * 24_000 * 4))  # four seconds
PNG = media.png(64, 64, 90)


@pytest.fixture(scope="session")
def media_world(world: World) -> World:
    stack = world.stack
    provider = stack.provider("media-openai")
    for name in MODELS:
        stack.model(provider, name)
    stack.model(provider, "hearing", "gpt-4o-transcribe")
    stack.model(provider, "speaking", "tts-1")
    stack.model(provider, "drawing", "gpt-image-1")
    stack.model(provider, "moderating", "omni-moderation-latest")
    for fault in ("cut-body", "cut-stream", "error-400", "error-500", "no-usage", "bad-json"):
        stack.model(provider, f"broken-{fault}", f"sim-fault-{fault}")
    azure = stack.provider("media-azure", kind="azure", base_url=stack.simulator.url, options=json.dumps(
        {"api_version": "2024-10-21"}))  # fmt: skip
    for name in ("tts-1", "whisper-1", "gpt-image-1"):
        stack.model(azure, f"azure-{name}", name)
    claude = stack.provider("media-claude", kind="anthropic")
    stack.model(claude, "claude-only", "claude-sonnet-5-5")
    stack.wait_until_current()
    return world


@pytest.fixture
def client(media_world: World) -> Iterator[openai.OpenAI]:
    base = f"http://127.0.0.1:{media_world.stack.port}/v1"
    with openai.OpenAI(base_url=base, api_key=media_world.secret, max_retries=0) as client:
        yield client


def line_of(world: World, response: Any) -> dict[str, Any]:
    (line,) = world.stack.lines(response.headers["x-request-id"])
    return line


def charges(line: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {charge["meter"]: (charge["quantity"], charge["cost"]) for charge in line["charges"]}


def post(world: World, path: str, *, files: Any = None, data: Any = None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.secret}", **more.pop("headers", {})}
    return httpx.post(f"http://127.0.0.1:{world.stack.port}{path}", files=files, data=data, headers=headers, timeout=20,
                      **more)  # fmt: skip


# ---- moderations -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [None, "moderating"])
def test_moderations_are_free(client: openai.OpenAI, media_world: World, name: str | None) -> None:
    given: dict[str, Any] = {} if name is None else {"model": name}

    raw = client.moderations.with_raw_response.create(input=["I will kill you", "good morning"], **given)
    answer = raw.parse()

    assert [result.flagged for result in answer.results] == [True, False]
    assert answer.model == "omni-moderation-latest"
    line = line_of(media_world, raw)
    assert (line["endpoint"], line["status"], line["price_status"]) == ("/v1/moderations", "ok", "free")
    assert (line["cost"], line["usage_source"]) == (Decimal(0), "counted")
    assert line["model_requested"] == (name or "omni-moderation-latest")


# ---- images ----------------------------------------------------------------------------------------------------------
def test_an_image_is_billed_by_its_tokens(client: openai.OpenAI, media_world: World) -> None:
    raw = client.images.with_raw_response.generate(model="drawing", prompt="a red fox", n=2, size="1024x1024",
                                                   quality="medium")  # fmt: skip
    answer = raw.parse()

    assert answer.data is not None
    assert [base64.b64decode(image.b64_json or "")[:4] for image in answer.data] == [b"\x89PNG"] * 2
    assert answer.usage is not None
    line = line_of(media_world, raw)
    assert (line["endpoint"], line["image_units"], line["usage_source"]) == ("/v1/images/generations", 2, "reported")
    assert (line["input_tokens"], line["output_tokens"]) == (answer.usage.input_tokens, 2 * 1_056)
    assert charges(line) == {
        "input": ("3", "0.0000150000"),  # 3 tokens at $5 a million
        "output": ("2112", "0.0844800000"),  # 2112 at $40
    }
    assert line["cost"] == Decimal("0.0844950000")
    assert raw.headers["x-gateway-cost"] == "0.0844950000"


def test_image_tokens_have_their_own_price_where_the_list_knows_one(client: openai.OpenAI, media_world: World) -> None:
    raw = client.images.with_raw_response.generate(model="gpt-image-1.5", prompt="a red fox", quality="low")

    line = line_of(media_world, raw)
    assert charges(line) == {
        "input": ("3", "0.0000150000"),
        "image_output": ("272", "0.0087040000"),  # at $32 a million, not at the $10 of text
    }


def test_an_image_streams(client: openai.OpenAI, media_world: World) -> None:
    with client.images.with_streaming_response.generate(
        model="drawing", prompt="a red fox", quality="low", stream=True
    ) as raw:
        text = raw.read().decode()
        line_id = raw.headers["x-request-id"]

    events = [json.loads(part[6:]) for part in text.split("\n") if part.startswith("data: ")]
    assert [event["type"] for event in events] == ["image_generation.completed"]
    assert f'"request_id":"{line_id}"' in text
    (line,) = media_world.stack.lines(line_id)
    assert (line["is_stream"], line["image_units"], line["output_tokens"]) == (True, 1, 272)
    assert (line["cost"], line["status"]) == (Decimal("0.0108950000"), "ok")


def test_an_edit_is_a_form_with_several_images(client: openai.OpenAI, media_world: World) -> None:
    images = [("a.png", PNG, "image/png"), ("b.png", PNG, "image/png")]

    raw = client.images.with_raw_response.edit(model="drawing", image=images, prompt="a red fox", quality="low")

    assert raw.parse().usage is not None
    line = line_of(media_world, raw)
    assert (line["endpoint"], line["model_served"], line["image_units"]) == ("/v1/images/edits", "drawing", 1)
    assert charges(line) == {
        "input": ("3", "0.0000150000"),
        "image_input": ("646", "0.0064600000"),  # 2 × 323 tokens at $10 a million
        "output": ("272", "0.0108800000"),
    }


def test_images_that_report_no_usage_have_no_price_but_their_count(client: openai.OpenAI, media_world: World) -> None:
    raw = client.images.with_raw_response.create_variation(model="dall-e-2", image=("a.png", PNG, "image/png"), n=2)

    assert len(raw.parse().data or []) == 2
    line = line_of(media_world, raw)
    assert (line["image_units"], line["usage_source"]) == (2, "counted")
    assert (line["cost"], line["price_status"]) == (None, "unpriced")


# ---- speech ----------------------------------------------------------------------------------------------------------
def test_speech_passes_as_a_file_and_is_billed_by_characters(client: openai.OpenAI, media_world: World) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="speaking", voice="alloy", input="Good morning, Anna.", response_format="wav"
    ) as raw:
        sound = b"".join(raw.iter_bytes())
        headers = raw.headers

    assert (sound[:4], len(sound)) == (b"RIFF", 44 + 2 * round(24_000 * 3 / 2.5))
    assert (headers["content-type"], headers["x-gateway-model"]) == ("audio/wav", "speaking")
    (line,) = media_world.stack.lines(headers["x-request-id"])
    assert (line["endpoint"], line["is_stream"], line["status"]) == ("/v1/audio/speech", False, "ok")
    assert (line["characters"], line["usage_source"]) == (19, "counted")
    assert charges(line) == {"character": ("19", "0.0002850000")}  # at $15 a million


def test_speech_as_events_reports_tokens(client: openai.OpenAI, media_world: World) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Good morning, Anna.", stream_format="sse"
    ) as raw:
        text = raw.read().decode()
        headers = raw.headers

    events = [json.loads(part[6:]) for part in text.split("\n") if part.startswith("data: ")]
    assert events[-1]["type"] == "speech.audio.done"
    (line,) = media_world.stack.lines(headers["x-request-id"])
    assert (line["is_stream"], line["usage_source"]) == (True, "reported")
    assert (line["input_tokens"], line["output_tokens"]) == (
        events[-1]["usage"]["input_tokens"], events[-1]["usage"]["output_tokens"],
    )  # fmt: skip
    assert line["cost"] == Decimal("0.0000006") * line["input_tokens"] + Decimal("0.000012") * line["output_tokens"]


def test_speech_without_usage_is_estimated_from_its_length(client: openai.OpenAI, media_world: World) -> None:
    sound = client.audio.speech.with_raw_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="one two three four five", response_format="pcm"
    )

    assert len(sound.content) == 2 * 24_000 * 2
    (line,) = media_world.stack.lines(sound.headers["x-request-id"])
    assert (line["usage_source"], line["characters"], line["output_tokens"]) == ("estimated", 23, 2 * 21)


def test_a_file_that_breaks_off_does_not_look_complete(media_world: World) -> None:
    body = {"model": "broken-cut-body", "voice": "alloy", "input": "Good morning, Anna."}

    with pytest.raises(httpx.RemoteProtocolError):
        post(media_world, "/v1/audio/speech", json=body, headers={"X-Request-ID": "speech-cut"})

    (line,) = media_world.stack.lines("speech-cut")
    assert (line["status"], line["usage_source"], line["characters"]) == ("upstream_error", "estimated", 19)


# ---- transcriptions --------------------------------------------------------------------------------------------------
def test_a_transcription_is_billed_by_tokens(client: openai.OpenAI, media_world: World) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(model="hearing", file=("talk.wav", WAV), prompt="names")
    answer = raw.parse()

    assert answer.text
    line = line_of(media_world, raw)
    assert (line["endpoint"], line["usage_source"]) == ("/v1/audio/transcriptions", "reported")
    assert (line["input_tokens"], line["audio_input_tokens"]) == (41, 40)
    assert charges(line)["audio_input"] == ("40", "0.0002400000")  # at $6 a million
    assert charges(line)["input"] == ("1", "0.0000025000")


def test_a_transcription_streams(client: openai.OpenAI, media_world: World) -> None:
    stream = client.audio.transcriptions.create(model="hearing", file=("talk.wav", WAV), stream=True,
                                                extra_headers={"X-Request-ID": "transcript-stream"})  # fmt: skip
    events = list(stream)

    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == events[-1].text
    (line,) = media_world.stack.lines("transcript-stream")
    assert (line["is_stream"], line["status"], line["audio_input_tokens"]) == (True, "ok", 40)


@pytest.mark.parametrize(
    ("shape", "audio_ms", "source"), [("json", 4_000, "reported"), ("verbose_json", 4_000, "reported"),
                                      ("text", 4_000, "counted"), ("srt", 4_000, "counted")]
)  # fmt: skip
def test_whisper_is_billed_by_duration(
    client: openai.OpenAI, media_world: World, shape: Any, audio_ms: int, source: str
) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("talk.wav", WAV), response_format=shape
    )

    assert raw.http_response.content
    line = line_of(media_world, raw)
    assert (line["audio_ms"], line["usage_source"]) == (audio_ms, source)
    assert charges(line) == {"audio_second": ("4", "0.0004000000")}  # at $0.006 a minute
    assert line["cost"] == Decimal("0.0004000000")


def test_a_translation(client: openai.OpenAI, media_world: World) -> None:
    raw = client.audio.translations.with_raw_response.create(model="whisper-1", file=io.BytesIO(WAV))

    assert raw.parse().text
    line = line_of(media_world, raw)
    assert (line["endpoint"], line["audio_ms"]) == ("/v1/audio/translations", 4_000)


def test_a_recording_of_unknown_length_is_estimated(client: openai.OpenAI, media_world: World) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("talk.mp3", b"\xff\xf3" + bytes(31_998)), response_format="text"
    )

    line = line_of(media_world, raw)
    assert (line["audio_ms"], line["usage_source"]) == (2_000, "estimated")


def test_the_form_reaches_the_provider_with_the_providers_name_for_the_model(media_world: World) -> None:
    answer = post(
        media_world, "/v1/audio/transcriptions", files={"file": ("ü \"x\".wav", WAV, "audio/wav")},
        data={"model": "hearing", "language": "de", "timestamp_granularities[]": ["word", "segment"]},
    )  # fmt: skip

    assert answer.status_code == 200, answer.text
    seen = [record for record in media_world.stack.simulator.records() if record["path"].endswith("transcriptions")]
    assert seen[-1]["model"] == "gpt-4o-transcribe"


# ---- azure -----------------------------------------------------------------------------------------------------------
def test_azure_serves_speech_images_and_transcriptions_by_deployment(client: openai.OpenAI, media_world: World) -> None:
    spoken = client.audio.speech.with_raw_response.create(model="azure-tts-1", voice="alloy", input="Hello.")
    heard = client.audio.transcriptions.with_raw_response.create(model="azure-whisper-1", file=("t.wav", WAV))
    drawn = client.images.with_raw_response.generate(model="azure-gpt-image-1", prompt="a fox", quality="low")

    lines = [line_of(media_world, raw) for raw in (spoken, heard, drawn)]
    assert [(line["provider"], line["status"]) for line in lines] == [("media-azure", "ok")] * 3
    assert [line["cost"] for line in lines] == [Decimal("0.00009"), Decimal("0.0004"), Decimal("0.01089")]


# ---- refusals --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"prompt": "a fox"}),
        ("/v1/audio/speech", {"input": "hello", "voice": "alloy"}),
    ],
)
def test_a_call_names_its_model(media_world: World, path: str, body: dict[str, Any]) -> None:
    answer = media_world.stack.request("POST", path, body, media_world.secret)

    assert (answer.status, answer.error_code, answer.json()["error"]["param"]) == (400, "invalid_request", "model")


@pytest.mark.parametrize(
    ("files", "data", "code", "param"),
    [
        ({"file": ("a.wav", WAV)}, {}, "invalid_request", "model"),
        (None, {"model": "hearing"}, "invalid_form", None),  # urlencoded
        ({"other": ("a.wav", WAV)}, {"model": "hearing"}, "invalid_request", "file"),
        ({"file": ("a.wav", WAV)}, {"model": ["hearing", "whisper-1"]}, "invalid_form", "model"),
        ({"file": ("a.wav", WAV)}, {"model": "hearing", "stream": "maybe"}, "invalid_request", "stream"),
    ],
)
def test_bad_forms(media_world: World, files: Any, data: Any, code: str, param: str | None) -> None:
    answer = post(media_world, "/v1/audio/transcriptions", files=files, data=data)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"no boundary at all"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nhearing'),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nhearing\r\n--x--\r\n"),
        ("application/json", b'{"model":"hearing"}'),
    ],
)
def test_what_is_no_form(media_world: World, content_type: str, body: bytes) -> None:
    answer = post(media_world, "/v1/audio/transcriptions", content=body, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_form")


def test_a_form_may_be_larger_than_other_bodies_but_not_unbounded(media_world: World) -> None:
    large = media.wav(bytes(22 * 1024 * 1024))

    fits = post(media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", large)}, data={"model": "whisper-1"})
    over = post(
        media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", large + bytes(5 * 1024 * 1024))},
        data={"model": "whisper-1"},
    )  # fmt: skip

    assert fits.status_code == 200
    assert (over.status_code, over.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/moderations", {"model": "claude-only", "input": "x"}),
        ("/v1/images/generations", {"model": "claude-only", "prompt": "x"}),
        ("/v1/audio/speech", {"model": "claude-only", "input": "x", "voice": "alloy"}),
        ("/v1/moderations", {"model": "azure-tts-1", "input": "x"}),
    ],
)
def test_a_provider_that_does_not_offer_the_endpoint(media_world: World, path: str, body: dict[str, Any]) -> None:
    answer = media_world.stack.request("POST", path, body, media_world.secret)

    assert (answer.status, answer.error_code) == (400, "endpoint_not_supported")
    assert path in answer.json()["error"]["message"]


def test_the_providers_refusal_passes(media_world: World) -> None:
    answer = media_world.stack.request(
        "POST", "/v1/audio/speech", {"model": "broken-error-400", "input": "x", "voice": "alloy"}, media_world.secret
    )

    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_stranger_is_refused_before_the_form_is_read(media_world: World) -> None:
    answer = post(media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", WAV)}, data={"model": "hearing"},
                  headers={"Authorization": "Bearer nobody"})  # fmt: skip

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


# ---- guardrails, bodies and budgets ----------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def screened(media_world: World) -> str:
    """A key of an organization that redacts personal data, and keeps bodies."""
    stack = media_world.stack
    organization = stack.organization("media-screened")
    stack.insert(
        "gateway_guardrail", organization_id=organization, project_id=None, name="pii", kind="pii", direction="input",
        action="redact", config="{}", position=100, is_enabled=True,
    )  # fmt: skip
    secret, _ = stack.key(organization, stack.project(organization))
    stack.wait_until_current()
    return secret


def test_a_forms_texts_are_screened_and_its_file_is_not(media_world: World, recorder: Recorder, screened: str) -> None:
    answer = post(
        media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", b"bob@example.com")},
        data={"model": "recorded-alias", "prompt": "write to bob@example.com"},
        headers={"Authorization": f"Bearer {screened}"},
    )  # fmt: skip

    assert answer.status_code == 200, answer.text
    (head,) = recorder.heads
    content_type = next(line for line in head.split("\r\n") if line.startswith("content-type: "))
    sent = Form.read(content_type.partition(": ")[2], recorder.bodies[0])
    assert {part.name: bytes(part.data) for part in sent.parts} == {
        "model": b"recorded", "prompt": b"write to [REDACTED:email]", "file": b"bob@example.com",
    }  # fmt: skip


@pytest.fixture(scope="session")
def poor(media_world: World) -> str:
    """A key whose hard budget pays for a little speech and no picture."""
    stack = media_world.stack
    secret, _ = stack.key(media_world.organization, media_world.project, budget_amount=Decimal("0.001"))
    return secret


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/audio/speech", {"model": "tts-1", "input": "x" * 20, "voice": "alloy"}, 200, None),  # $0.0003
        (
            "/v1/audio/speech",
            {"model": "tts-1", "input": "x" * 200, "voice": "alloy"},
            402,
            "budget_exceeded",
        ),  # $0.003
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a fox"}, 402, "budget_exceeded"),
        ("/v1/images/generations", {"model": "dall-e-3", "prompt": "a fox"}, 403, "unpriced_model"),
        ("/v1/moderations", {"input": "x" * 10_000}, 200, None),  # free
    ],
)
def test_a_hard_budget_holds_the_most_a_call_can_cost(
    media_world: World, poor: str, path: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = media_world.stack.request("POST", path, body, poor)

    assert answer.status == status, answer.body
    if code is not None:
        assert answer.error_code == code


def test_a_budget_bounds_a_recording_by_its_size(media_world: World, poor: str) -> None:
    second, minute = media.wav(bytes(48_000)), bytes(16_000 * 60)
    asked = {"data": {"model": "whisper-1"}, "headers": {"Authorization": f"Bearer {poor}"}}

    short = post(media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", second)}, **asked)
    unknown = post(media_world, "/v1/audio/transcriptions", files={"file": ("a.mp3", minute)}, **asked)

    assert short.status_code == 200, short.text
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (402, "budget_exceeded")


# ---- calls made once -------------------------------------------------------------------------------------------------
def test_a_repeated_form_is_answered_from_what_was_kept(media_world: World) -> None:
    """Each time with another boundary, as clients send it: what counts is what the form says."""
    asked: dict[str, Any] = {"data": {"model": "hearing"}, "headers": {"Idempotency-Key": "form-once"}}

    first, again = (
        post(media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", WAV)}, **asked) for _ in range(2)
    )
    other = post(media_world, "/v1/audio/transcriptions", files={"file": ("a.wav", WAV + WAV)}, **asked)

    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.content, again.headers["x-gateway-idempotent-replay"]) == (first.content, "true")
    assert media_world.stack.lines(again.headers["x-request-id"]) == []
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_a_repeated_speech_is_the_same_file(media_world: World) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Good morning.", "response_format": "wav"}

    first, again = (
        post(media_world, "/v1/audio/speech", json=body, headers={"Idempotency-Key": "speech-once"}) for _ in range(2)
    )

    assert (first.content[:4], again.headers["x-gateway-idempotent-replay"]) == (b"RIFF", "true")
    assert (again.content, again.headers["content-type"]) == (first.content, "audio/wav")
