"""Images and audio that are real files of their formats, small and made by rule."""

import struct
import zlib
from binascii import crc32

SAMPLE_RATE = 24_000
WORDS_PER_S = 2.5
MP3_FRAME_S = 0.024  # 576 samples at 24 kHz (MPEG-2, layer III)
_MP3_FRAME = bytes([0xFF, 0xF3, 0x84, 0xC4]) + bytes(188)  # 64 kbit/s, 24 kHz, mono: 192 bytes; all zero: silence


def spoken_s(words: int) -> float:
    """Seconds that a text of `words` words takes to say."""
    return max(1, words) / WORDS_PER_S


def silence(seconds: float, kind: str) -> bytes:
    """Silence as `mp3`, `wav` or `pcm` (24 kHz, mono; 16 bit)."""
    if kind == "mp3":
        return _MP3_FRAME * max(1, round(seconds / MP3_FRAME_S))
    samples = bytes(2 * round(seconds * SAMPLE_RATE))
    return samples if kind == "pcm" else wav(samples)


def wav(samples: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """A WAV file of 16-bit mono samples."""
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return head + struct.pack("<4sI", b"data", len(samples)) + samples


def duration_s(data: bytes) -> float:
    """Length of a recording: exact for a plain WAV file, else by its size at 128 kbit/s."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE" and len(data) >= 44:
        bytes_per_s = struct.unpack("<I", data[28:32])[0]
        if bytes_per_s:
            return (len(data) - 44) / float(bytes_per_s)
    return len(data) / 16_000


def png(width: int, height: int, shade: int) -> bytes:
    """A grey picture of the size asked for (PNG, 1 bit a pixel, one palette entry)."""
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    rows = (b"\x00" + bytes((width + 7) // 8)) * height
    chunks = [(b"IHDR", header), (b"PLTE", bytes([shade] * 3)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
