"""Usage of images, audio and moderations: as the vendor reports it, else measured from what was sent and came back.

Sources: OpenAI API reference, "Create image" (`usage`), "Create speech" (`speech.audio.done`), "Create transcription"
(`usage` of type `tokens` or `duration`), "Create moderation"; OpenAI, "Pricing": moderations are free, `tts-1` is
billed by characters, `whisper-1` by duration. Speed of speech and tokens a second are OpenAI's estimates of price per
minute.
"""

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.dataplane.endpoints import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGE_VARIATIONS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
)

if TYPE_CHECKING:
    from gateway.dataplane.call import Call

Tokens = dict[str, int]

BYTES_PER_TOKEN = 4
IMAGE_TOKENS_IN = 765
IMAGE_TOKENS_OUT = 1_056  # 1024 × 1024 in medium quality (OpenAI, "Image generation", cost and latency)
MOST_IMAGE_TOKENS_OUT = 20_000
MAX_IMAGES = 10
CHARACTERS_PER_S = 15
SPOKEN_TOKENS_PER_S = 21  # $0.015 a minute at $12 per 1 M tokens (OpenAI, "gpt-4o-mini-tts")
MOST_SPOKEN_TOKENS_PER_CHARACTER = 8
HEARD_TOKENS_PER_S = 10
MOST_HEARD_TOKENS_PER_S = 40
WRITTEN_TOKENS_PER_S = 4
FILE_BYTES_PER_S = 16_000  # 128 kbit/s
LEAST_FILE_BYTES_PER_S = 1_000  # 8 kbit/s: what speech codecs need
IMAGES = frozenset({OPENAI_IMAGES, OPENAI_IMAGE_EDITS, OPENAI_IMAGE_VARIATIONS})
BY_CHARACTER = ("tts-1",)
WAV_HEAD_BYTES = 44
UNSTORED = frozenset({"image_input_tokens", "image_output_tokens"})
"""Parts of the usage that are priced and have no column in the ledger."""


# ---- before anything is known ----------------------------------------------------------------------------------------
def guess(call: "Call") -> Tokens:
    """What the call probably consumes."""
    dialect = call.endpoint.dialect
    if dialect in IMAGES:
        return _guessed_images(call)
    if dialect == OPENAI_SPEECH:
        text = _text(call.fields.get("input"))
        spoken = max(1, len(text) // CHARACTERS_PER_S) * SPOKEN_TOKENS_PER_S
        return {"input_tokens": _tokens(text), "output_tokens": spoken, "characters": len(text)}
    if dialect == OPENAI_MODERATIONS:
        return {"input_tokens": max(1, len(call.body) // BYTES_PER_TOKEN), "output_tokens": 0}
    return _guessed_transcript(heard_ms(call)[0], _text(call.fields.get("prompt")))


def _guessed_images(call: "Call") -> Tokens:
    count, files = image_count(call), _files(call)
    return {
        "input_tokens": _tokens(_text(call.fields.get("prompt"))) + files * IMAGE_TOKENS_IN,
        "output_tokens": count * IMAGE_TOKENS_OUT,
        "image_output_tokens": count * IMAGE_TOKENS_OUT,
        "image_units": count,
    }


def _guessed_transcript(heard: int, prompt: str) -> Tokens:
    audio = heard * HEARD_TOKENS_PER_S // 1000
    return {
        "input_tokens": audio + (_tokens(prompt) if prompt else 0),
        "audio_input_tokens": audio,
        "output_tokens": heard * WRITTEN_TOKENS_PER_S // 1000,
        "audio_ms": heard,
    }


def sent_only(call: "Call") -> Tokens:
    """`guess` of a call that got no answer: what went in."""
    made = ("output_tokens", "image_output_tokens", "image_units")
    return {name: count for name, count in guess(call).items() if name not in made}


def bound(call: "Call") -> Tokens:
    """At least as much as the call can consume, for budgets that must hold."""
    dialect, room = call.endpoint.dialect, 16
    if dialect in IMAGES:
        most = image_count(call) * MOST_IMAGE_TOKENS_OUT
        read = (
            len(_text(call.fields.get("prompt")).encode("utf-8", "ignore"))
            + room
            + _files(call) * MOST_IMAGE_TOKENS_OUT
        )
        return {
            "input_tokens": read,
            "output_tokens": most,
            "image_output_tokens": most,
            "image_units": image_count(call),
        }
    if dialect == OPENAI_SPEECH:
        text = _text(call.fields.get("input"))
        read = len(call.body) + room
        spoken = (len(text) + room) * MOST_SPOKEN_TOKENS_PER_CHARACTER
        return {"input_tokens": read, "output_tokens": spoken, "characters": len(text)}
    if dialect == OPENAI_MODERATIONS:
        return {"input_tokens": len(call.body) + room}
    heard = _longest_ms(call)
    audio = heard * MOST_HEARD_TOKENS_PER_S // 1000
    prompt = len(_text(call.fields.get("prompt")).encode("utf-8", "ignore")) + room
    return {
        "input_tokens": audio + prompt,
        "audio_input_tokens": audio,
        "output_tokens": audio + room,
        "audio_ms": heard,
    }


# ---- what was sent ---------------------------------------------------------------------------------------------------
def image_count(call: "Call") -> int:
    """`n`, as a number or, in a form, as text; 1 when it says nothing usable."""
    value = call.fields.get("n")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value.lstrip("0")[:9] or 0)  # Python refuses to read numbers of thousands of digits
    return min(value, MAX_IMAGES) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def heard_ms(call: "Call") -> tuple[int, bool]:
    """`(length of the recording, whether it is exact)`: exact for plain WAV files, else by size at 128 kbit/s."""
    data = _recording(call)
    exact = _wav_ms(data)
    return (exact, True) if exact is not None else (len(data) * 1000 // FILE_BYTES_PER_S, False)


def _longest_ms(call: "Call") -> int:
    data = _recording(call)
    exact = _wav_ms(data)
    return exact + 1000 if exact is not None else len(data) * 1000 // LEAST_FILE_BYTES_PER_S


def _recording(call: "Call") -> bytes | memoryview:
    part = call.form.file("file") if call.form is not None else None
    return part.data if part is not None else b""


def _wav_ms(data: bytes | memoryview) -> int | None:
    """Length of a WAV file whose samples follow a plain head; None for anything else."""
    head = bytes(data[:WAV_HEAD_BYTES])
    if len(head) < WAV_HEAD_BYTES or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt " or head[36:40] != b"data":
        return None
    bytes_per_s = struct.unpack("<I", head[28:32])[0]
    return round((len(data) - WAV_HEAD_BYTES) * 1000 / bytes_per_s) if bytes_per_s else None


def _files(call: "Call") -> int:
    return sum(part.filename is not None for part in call.form.parts) if call.form is not None else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _tokens(text: str) -> int:
    return max(1, len(text.encode("utf-8", "ignore")) // BYTES_PER_TOKEN)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


# ---- what came back --------------------------------------------------------------------------------------------------
def of_images(body: Mapping[str, Any], call: "Call") -> tuple[Tokens, str]:
    """Counts and their source. Models that are billed by image report nothing."""
    data = body.get("data")
    made = len(data) if isinstance(data, list) else 1
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return {"image_units": made}, "counted"
    tokens = _basic(usage)
    into, out = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    if isinstance(into, dict):
        tokens["image_input_tokens"] = min(_count(into.get("image_tokens")), tokens["input_tokens"])
        tokens["cache_read_tokens"] = min(_count(into.get("cached_tokens")), tokens["input_tokens"])
    written = _count(out.get("text_tokens")) if isinstance(out, dict) else 0
    tokens["image_output_tokens"] = max(0, tokens["output_tokens"] - written)
    return {**tokens, "image_units": made}, "reported"


def of_speech_event(usage: Mapping[str, Any]) -> tuple[Tokens, str]:
    """Of `speech.audio.done`."""
    return _basic(usage), "reported"


def of_speech(call: "Call", model: str, sound_bytes: int) -> tuple[Tokens, str]:
    """Of a spoken file, which says nothing of its usage: characters where they are what is billed, else an estimate."""
    tokens = guess(call)
    if model.startswith(BY_CHARACTER):
        return {"characters": tokens["characters"]}, "counted"
    seconds = _sound_s(call, sound_bytes)
    if seconds is not None:
        tokens["output_tokens"] = round(seconds * SPOKEN_TOKENS_PER_S)
    return tokens, "estimated"


def _sound_s(call: "Call", sound_bytes: int) -> float | None:
    """Length of uncompressed sound (24 kHz, 16 bit, mono); None for what is compressed."""
    match call.fields.get("response_format"):
        case "pcm":
            return sound_bytes / 48_000
        case "wav":
            return max(0, sound_bytes - WAV_HEAD_BYTES) / 48_000
        case _:
            return None


def of_transcript(usage: object, body: Mapping[str, Any], call: "Call", text: str) -> tuple[Tokens, str]:
    """Tokens or seconds, as the vendor bills; else the length it names; else what the recording itself shows."""
    if isinstance(usage, dict):
        if usage.get("type") == "duration":
            return {"audio_ms": _ms(usage.get("seconds"))}, "reported"
        if "input_tokens" in usage or "prompt_tokens" in usage:
            return _transcript_tokens(usage), "reported"
    duration = body.get("duration")
    if isinstance(duration, int | float | str) and (heard := _ms(duration)):
        return {"audio_ms": heard}, "reported"
    heard, is_exact = heard_ms(call)
    tokens = _guessed_transcript(heard, _text(call.fields.get("prompt")))
    tokens["output_tokens"] = _tokens(text) if text else 0
    return tokens, "counted" if is_exact else "estimated"


def _transcript_tokens(usage: Mapping[str, Any]) -> Tokens:
    tokens = _basic(usage)
    details = usage.get("input_token_details") or usage.get("input_tokens_details")
    if isinstance(details, dict):
        tokens["audio_input_tokens"] = min(_count(details.get("audio_tokens")), tokens["input_tokens"])
    if seconds := _ms(usage.get("prompt_audio_seconds")):  # Mistral bills both
        tokens["audio_ms"] = seconds
    return tokens


def _ms(seconds: object) -> int:
    """Of a number, or of a number as text (verbose transcripts of older versions); 0 for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return 0
    try:
        found = round(float(seconds) * 1000)
    except (ValueError, OverflowError):
        return 0
    return found if 0 <= found < 2**53 else 0


def _basic(usage: Mapping[str, Any]) -> Tokens:
    read = usage.get("input_tokens", usage.get("prompt_tokens"))
    written = usage.get("output_tokens", usage.get("completion_tokens"))
    return {"input_tokens": _count(read), "output_tokens": _count(written)}
