"""OpenAI's moderations, images, speech and transcriptions.

Source: https://platform.openai.com/docs/api-reference/moderations, …/images/create, …/audio/createSpeech,
…/audio/createTranscription; image tokens by size and quality: https://platform.openai.com/docs/guides/image-generation
("Cost and latency").
"""

import base64
import random
import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator import media
from gateway.simulator.calls import Frame, ProviderError, Usage
from gateway.simulator.catalog import SimModel, find_model
from gateway.simulator.delivery import Delivery
from gateway.simulator.latency import Pace
from gateway.simulator.multipart import read_form
from gateway.simulator.request_log import Outcome
from gateway.simulator.text import write_prose
from gateway.simulator.tokens import count_tokens, split_tokens
from gateway.simulator.turn import Turn
from gateway.simulator.wire import openai_requests as requests

AUDIO_TOKENS_PER_S = 10
WORDS_PER_AUDIO_S = 2.5
INPUT_IMAGE_TOKENS = 323
MODEL_PREFIXES = (
    "omni-moderation", "text-moderation", "gpt-image", "dall-e", "tts-", "whisper", "gpt-4o-", "gpt-transcribe",
)  # fmt: skip
MAX_SPEECH_CHARACTERS = 4_096
MAX_PROMPT_CHARACTERS = 32_000
SPEECH_TYPES = {"mp3": b"audio/mpeg", "wav": b"audio/wav", "pcm": b"audio/pcm"}
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
_ALARMING = {"kill": "violence", "bomb": "illicit/violent", "hate": "hate", "suicide": "self-harm"}
_IMAGE_TOKENS = {
    "1024x1024": {"low": 272, "medium": 1_056, "high": 4_160},
    "1024x1536": {"low": 408, "medium": 1_584, "high": 6_240},
    "1536x1024": {"low": 400, "medium": 1_568, "high": 6_208},
}
_OLD_SIZES = ("256x256", "512x512", "1024x1024", "1792x1024", "1024x1792")


def _model(turn: Turn, name: str) -> SimModel:
    """These endpoints have models of their own, which the catalogue of texts does not list."""
    if not name.startswith(MODEL_PREFIXES) and find_model(name, any_model=turn.options.any_model) is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise ProviderError(404, message, code="model_not_found")
    return SimModel(name, "openai", 8_192)


def _rng(turn: Turn, *deciding: Any) -> random.Random:
    digest = blake2b(orjson.dumps([turn.options.seed, *deciding]), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))


# ---- moderations -----------------------------------------------------------------------------------------------------
async def moderate(turn: Turn) -> Outcome:
    """`POST /v1/moderations`; free. A text is flagged for the words in `_ALARMING`."""
    payload = requests.read_object(turn.exchange.body)
    name = payload.get("model") or "omni-moderation-latest"
    _model(turn, str(name))
    given = payload.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not inputs:
        raise requests.invalid("input", "a string or an array", given)
    if all(isinstance(item, dict) for item in inputs):  # one input of several parts
        inputs = [" ".join(str(item.get("text", "")) for item in inputs)]
    body = {
        "id": f"modr-{turn.number:016x}",
        "model": name,
        "results": [_judge(turn, str(item)) for item in inputs],
    }
    delivery = turn.deliver(turn.draw_pace(_model(turn, str(name)), Usage(0)))
    await delivery.send_body(orjson.dumps(body), after_s=delivery.pace.first_s)
    return delivery.outcome


def _judge(turn: Turn, text: str) -> dict[str, Any]:
    rng = _rng(turn, "moderation", text)
    found = {category for word, category in _ALARMING.items() if word in text.lower()}
    scores = {name: round(0.9 + rng.random() / 10 if name in found else rng.random() / 1e3, 8) for name in _CATEGORIES}
    return {
        "flagged": bool(found),
        "categories": {name: name in found for name in _CATEGORIES},
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }


# ---- images ----------------------------------------------------------------------------------------------------------
async def draw(turn: Turn) -> Outcome:
    """`POST /v1/images/generations`: `gpt-image-…` reports tokens, `dall-e-…` reports nothing."""
    return await _draw(turn, requests.read_object(turn.exchange.body), "image_generation.completed")


async def redraw(turn: Turn) -> Outcome:
    """`POST /v1/images/edits` and `/v1/images/variations`: as `draw`, with the pictures that are given as tokens in."""
    form = read_form(turn.exchange.headers.get(b"content-type", b""), turn.exchange.body)
    images = sum(turn.exchange.body.count(b'name="%b"' % name) for name in (b"image", b"image[]", b"mask"))
    if not images:
        raise ProviderError(400, "Missing required parameter: 'image'.", param="image")
    payload: dict[str, Any] = {name: field.text for name, field in form.items() if field.filename is None}
    if "n" in payload:
        payload["n"] = int(payload["n"])
    payload["stream"] = payload.get("stream") == "true"
    if turn.deployment:
        payload["model"] = turn.deployment
    if turn.exchange.path.endswith(b"/variations"):
        payload.setdefault("prompt", "a variation")
    turn.record.model = payload.get("model")
    return await _draw(turn, payload, "image_edit.completed", image_tokens=images * INPUT_IMAGE_TOKENS)


async def _draw(turn: Turn, payload: dict[str, Any], ends_with: str, image_tokens: int = 0) -> Outcome:
    name = str(payload.get("model") or "dall-e-2")
    model = _model(turn, name)
    prompt = payload.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise ProviderError(400, "Missing required parameter: 'prompt'.", param="prompt")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise ProviderError(400, "Invalid 'prompt': string too long.", param="prompt", code="string_above_max_length")
    n = requests.whole(payload, "n", least=1, most=10) or 1
    is_token_priced = not name.startswith("dall-e")
    size, quality = _size(payload, is_token_priced), _quality(payload, is_token_priced)
    width, height = (int(side) for side in size.split("x"))
    shade = _rng(turn, "image", prompt).randrange(256)
    picture = base64.b64encode(media.png(width, height, shade)).decode()
    body: dict[str, Any] = {"created": int(time.time())}
    if is_token_priced:
        usage = Usage(count_tokens(prompt) + image_tokens, n * _IMAGE_TOKENS[size][quality])
        turn.admit(usage.prompt)
        turn.record.usage = _image_usage(usage, image_tokens)
        body |= {"background": "opaque", "output_format": "png", "quality": quality, "size": size}
        body["data"] = [{"b64_json": picture}] * n
        if turn.fault_kind != "no-usage":
            body["usage"] = turn.record.usage
    else:
        turn.admit(0)
        turn.record.usage = {"images": n, "size": size, "quality": quality}
        shown = "b64_json" if payload.get("response_format") == "b64_json" else "url"
        entry: dict[str, Any] = {
            shown: picture if shown == "b64_json" else f"https://images.invalid/{turn.number:016x}.png"
        }
        if name == "dall-e-3":
            entry["revised_prompt"] = prompt
        body["data"] = [entry] * n
    if payload.get("stream") is True and is_token_priced:
        return await _stream_image(turn, body, picture, ends_with)
    delivery = turn.deliver(turn.draw_pace(model, Usage(0)))
    await delivery.send_body(orjson.dumps(body), after_s=delivery.pace.first_s)
    return delivery.outcome


async def _stream_image(turn: Turn, body: dict[str, Any], picture: str, ends_with: str) -> Outcome:
    """One event with the whole picture, as with `partial_images: 0`."""
    fields: dict[str, Any] = {
        name: body[name] for name in ("background", "output_format", "quality", "size", "usage") if name in body
    }
    event = {
        "type": ends_with,
        "b64_json": picture,
        "created_at": body["created"],
        **fields,
    }
    frame = Frame(orjson.dumps(event), event=ends_with.encode(), is_last=True)
    delivery = turn.deliver(Pace())
    await delivery.send_events(iter([frame]))
    return delivery.outcome


def _image_usage(usage: Usage, image_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"image_tokens": image_tokens, "text_tokens": usage.prompt - image_tokens},
        "output_tokens": usage.completion,
        "output_tokens_details": {"image_tokens": usage.completion, "text_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }


def _size(payload: dict[str, Any], is_token_priced: bool) -> str:
    size = payload.get("size") or "auto"
    size = "1024x1024" if size == "auto" else size
    allowed = tuple(_IMAGE_TOKENS) if is_token_priced else _OLD_SIZES
    if size not in allowed:
        names = ", ".join(f"'{name}'" for name in (*allowed, "auto"))
        message = f"Invalid value: '{size}'. Supported values are: {names}."
        raise ProviderError(400, message, param="size", code="invalid_value")
    return str(size)


def _quality(payload: dict[str, Any], is_token_priced: bool) -> str:
    quality = payload.get("quality") or "auto"
    if not is_token_priced:
        return "standard" if quality == "auto" else str(quality)
    quality = "high" if quality == "auto" else quality
    if quality not in ("low", "medium", "high"):
        message = f"Invalid value: '{quality}'. Supported values are: 'low', 'medium', 'high', and 'auto'."
        raise ProviderError(400, message, param="quality", code="invalid_value")
    return str(quality)


# ---- speech ----------------------------------------------------------------------------------------------------------
async def speak(turn: Turn) -> Outcome:
    """`POST /v1/audio/speech`: silence as long as the text takes to say, or events with `stream_format: sse`."""
    payload = requests.read_object(turn.exchange.body)
    model = _model(turn, requests.model_name(payload))
    text, voice = payload.get("input"), payload.get("voice")
    if not isinstance(text, str) or not text:
        raise ProviderError(400, "Missing required parameter: 'input'.", param="input")
    if len(text) > MAX_SPEECH_CHARACTERS:
        message = f"Invalid 'input': string too long. Expected a string with maximum length {MAX_SPEECH_CHARACTERS}."
        raise ProviderError(400, message, param="input", code="string_above_max_length")
    if not voice:
        raise ProviderError(400, "Missing required parameter: 'voice'.", param="voice")
    kind = payload.get("response_format") or "mp3"
    if kind not in SPEECH_TYPES:
        names = ", ".join(f"'{name}'" for name in SPEECH_TYPES)
        raise ProviderError(400, f"Invalid value: '{kind}'. This simulator makes {names}.", param="response_format")
    seconds = media.spoken_s(len(text.split()))
    usage = Usage(count_tokens(text), round(seconds * AUDIO_TOKENS_PER_S))
    turn.admit(usage.prompt)
    turn.record.usage = _speech_usage(usage) | {"characters": len(text)}
    sound = media.silence(seconds, kind)
    delivery = turn.deliver(turn.draw_pace(model, usage))
    if payload.get("stream_format") == "sse":
        if model.name.startswith("tts-"):
            raise ProviderError(400, "stream_format 'sse' is not supported for this model.", param="stream_format")
        await delivery.send_events(_speech_frames(sound, usage))
    else:
        await delivery.send_body(sound, after_s=delivery.pace.first_s, content_type=SPEECH_TYPES[kind])
    return delivery.outcome


def _speech_usage(usage: Usage) -> dict[str, Any]:
    total = usage.prompt + usage.completion
    return {"input_tokens": usage.prompt, "output_tokens": usage.completion, "total_tokens": total}


def _speech_frames(sound: bytes, usage: Usage) -> Iterator[Frame]:
    step = max(1, len(sound) // 4)
    for start in range(0, len(sound), step):
        piece = base64.b64encode(sound[start : start + step]).decode()
        yield Frame(orjson.dumps({"type": "speech.audio.delta", "audio": piece}), 1, timed=True)
    yield Frame(orjson.dumps({"type": "speech.audio.done", "usage": _speech_usage(usage)}), is_last=True)


# ---- transcriptions --------------------------------------------------------------------------------------------------
async def transcribe(turn: Turn) -> Outcome:
    """`POST /v1/audio/transcriptions` (and `/translations`): 2.5 words a second of whatever was recorded."""
    form = read_form(turn.exchange.headers.get(b"content-type", b""), turn.exchange.body)
    name = turn.deployment or (form["model"].text if "model" in form else "")
    if not name:
        raise ProviderError(400, "you must provide a model parameter")
    model = _model(turn, name)
    turn.record.model = name
    upload = form.get("file")
    if upload is None or upload.filename is None:
        raise ProviderError(400, "Missing required parameter: 'file'.", param="file")
    if not upload.data:
        raise ProviderError(
            400, "Audio file is too short. Minimum audio length is 0.1 seconds.", code="audio_too_short"
        )
    seconds = media.duration_s(upload.data)
    rng = _rng(turn, "transcription", name, blake2b(upload.data).hexdigest())
    words = write_prose(rng, max(1, round(seconds * WORDS_PER_AUDIO_S)))
    text = "".join(words)
    usage = _transcription_usage(name, seconds, text, form["prompt"].text if "prompt" in form else "")
    turn.record.usage = usage
    turn.admit(usage.get("input_tokens", 0))
    shown = None if turn.fault_kind == "no-usage" else usage
    delivery = turn.deliver(turn.draw_pace(model, Usage(0)))
    if "stream" in form and form["stream"].text == "true" and not name.startswith("whisper"):
        await delivery.send_events(_transcript_frames(words, text, shown))
        return delivery.outcome
    kind = form["response_format"].text if "response_format" in form else "json"
    await _send_transcript(delivery, kind, text, seconds, shown)
    return delivery.outcome


def _transcription_usage(model: str, seconds: float, text: str, prompt: str) -> dict[str, Any]:
    """Whisper is billed by the second, the others by tokens."""
    if model.startswith("whisper"):
        return {"type": "duration", "seconds": round(seconds) or 1}
    heard, read = round(seconds * AUDIO_TOKENS_PER_S), count_tokens(prompt)
    written = count_tokens(text)
    return {
        "type": "tokens",
        "input_tokens": heard + read,
        "input_token_details": {"text_tokens": read, "audio_tokens": heard},
        "output_tokens": written,
        "total_tokens": heard + read + written,
    }


async def _send_transcript(
    delivery: Delivery, kind: str, text: str, seconds: float, usage: dict[str, Any] | None
) -> None:
    reported = {} if usage is None else {"usage": usage}
    end = f"00:00:{seconds:06.3f}"
    after_s = delivery.pace.first_s
    match kind:
        case "json":
            await delivery.send_body(orjson.dumps({"text": text, **reported}), after_s=after_s)
        case "verbose_json":
            body = {"task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": []}
            await delivery.send_body(orjson.dumps({**body, **reported}), after_s=after_s)
        case "text":
            await delivery.send_body(text.encode() + b"\n", after_s=after_s, content_type=b"text/plain; charset=utf-8")
        case "srt":
            srt = f"1\n00:00:00,000 --> {end.replace('.', ',')}\n{text}\n"
            await delivery.send_body(srt.encode(), after_s=after_s, content_type=b"text/plain; charset=utf-8")
        case "vtt":
            vtt = f"WEBVTT\n\n00:00:00.000 --> {end}\n{text}\n"
            await delivery.send_body(vtt.encode(), after_s=after_s, content_type=b"text/plain; charset=utf-8")
        case _:
            raise ProviderError(400, f"Invalid value: '{kind}'.", param="response_format")


def _transcript_frames(words: list[str], text: str, usage: dict[str, Any] | None) -> Iterator[Frame]:
    for word in split_tokens("".join(words)):
        yield Frame(orjson.dumps({"type": "transcript.text.delta", "delta": word}), 1, timed=True)
    done = {"type": "transcript.text.done", "text": text} | ({} if usage is None else {"usage": usage})
    yield Frame(orjson.dumps(done), is_last=True)
