"""OpenAI's moderations, images and audio, by the official client."""

import base64
import io
import json
import wave

import openai
import pytest

from gateway.simulator import media
from tests.gateway.simulator.raw import fetch


def recording(seconds: float) -> bytes:
    return media.wav(bytes(2 * round(seconds * 16_000)), rate=16_000)


def test_moderation(openai_client):
    answer = openai_client.moderations.create(input=["hello", "I will kill it"])

    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence is True
    assert answer.model == "omni-moderation-latest"


def test_image_with_tokens(openai_client):
    asked = {"model": "gpt-image-1", "prompt": "a red fox", "quality": "medium", "size": "1024x1536", "n": 2}
    answer = openai_client.images.generate(**asked)

    picture = base64.b64decode(answer.data[0].b64_json)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1_024, 1_536)
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 2 * 1_584, 3 + 2 * 1_584)
    assert usage.input_tokens_details.text_tokens == 3


def test_image_without_tokens(openai_client):
    answer = openai_client.images.generate(model="dall-e-3", prompt="a red fox", size="1792x1024")

    assert answer.usage is None
    assert answer.data[0].url.startswith("https://")


def test_image_stream(openai_client):
    events = list(openai_client.images.generate(model="gpt-image-1", prompt="fox", quality="low", stream=True))

    assert [event.type for event in events] == ["image_generation.completed"]
    assert events[0].usage.output_tokens == 272


def test_speech(openai_client, fresh_simulator):
    asked = {"model": "tts-1", "voice": "alloy", "input": "one two three four five"}
    sound = openai_client.audio.speech.create(**asked, response_format="wav")

    with wave.open(io.BytesIO(sound.content)) as file:
        assert file.getnframes() / file.getframerate() == 2.0
    assert sound.response.headers["content-type"] == "audio/wav"
    assert fresh_simulator.records()[-1]["usage"]["characters"] == 23
    mp3 = openai_client.audio.speech.create(**asked)
    assert mp3.content[:2] == b"\xff\xf3"


def test_speech_as_events_reports_usage(simulator):
    payload = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "one two", "stream_format": "sse"}
    answer = fetch(simulator, "/v1/audio/speech", payload, headers={"authorization": "Bearer k"})

    last = json.loads(answer.body.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    assert last == {"type": "speech.audio.done", "usage": {"input_tokens": 2, "output_tokens": 8, "total_tokens": 10}}


def test_transcription_by_tokens(openai_client):
    answer = openai_client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", recording(4.0)))

    usage = answer.usage
    assert (usage.type, usage.input_token_details.audio_tokens, usage.output_tokens) == ("tokens", 40, 10)
    assert answer.text


def test_transcription_by_seconds(openai_client):
    file = ("a.wav", recording(4.0))
    plain = openai_client.audio.transcriptions.create(model="whisper-1", file=file)
    verbose = openai_client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    text = openai_client.audio.transcriptions.create(model="whisper-1", file=file, response_format="text")

    assert (plain.usage.type, plain.usage.seconds) == ("duration", 4)
    assert (verbose.duration, verbose.usage.seconds, verbose.text) == (4.0, 4, plain.text)
    assert text.strip() == plain.text


def test_transcription_stream(openai_client):
    asked = {"model": "gpt-4o-mini-transcribe", "file": ("a.wav", recording(2.0)), "stream": True}
    *deltas, done = openai_client.audio.transcriptions.create(**asked)

    assert "".join(event.delta for event in deltas) == done.text
    assert done.usage.output_tokens == len(deltas) == 5


@pytest.mark.parametrize(
    ("path", "payload", "param"),
    [
        ("images/generations", {"model": "gpt-image-1"}, "prompt"),
        ("images/generations", {"model": "gpt-image-1", "prompt": "x", "size": "1x1"}, "size"),
        ("audio/speech", {"model": "tts-1", "voice": "alloy"}, "input"),
        ("audio/speech", {"model": "tts-1", "input": "x"}, "voice"),
        ("moderations", {"input": 7}, "input"),
    ],
)
def test_bad_requests(simulator, path, payload, param):
    answer = fetch(simulator, f"/v1/{path}", payload, headers={"authorization": "Bearer k"})

    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


def test_transcription_without_a_file(simulator):
    headers = {"authorization": "Bearer k", "content-type": "multipart/form-data; boundary=b"}
    body = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'

    assert fetch(simulator, "/v1/audio/transcriptions", body, headers=headers).json()["error"]["param"] == "file"
    broken = fetch(simulator, "/v1/audio/transcriptions", b"--b\r\n", headers=headers)
    assert (broken.status, broken.json()["error"]["message"]) == (400, "Could not parse multipart form")


def test_models_of_other_kinds_do_not_draw(openai_client):
    with pytest.raises(openai.NotFoundError):
        openai_client.images.generate(model="nothing", prompt="x")
