"""Amazon's binary event stream, written by its specification alone, so that it shares no bug with any reader.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the framing) and
https://smithy.io/2.0/aws/amazon-eventstream.html (headers of events and exceptions).
"""

from binascii import crc32
from struct import pack

from gateway.simulator.calls import Frame
from gateway.simulator.delivery import Framing

_STRING = 7


def encode(frame: Frame) -> bytes:
    """One message: prelude (lengths, their CRC), headers, payload, CRC of all of it."""
    kind, name = ("exception", b":exception-type") if frame.is_error else ("event", b":event-type")
    headers = b"".join(
        _header(key, value)
        for key, value in (
            (name, frame.event),
            (b":content-type", b"application/json"),
            (b":message-type", kind.encode()),
        )
    )
    total = 16 + len(headers) + len(frame.payload)
    prelude = pack("!II", total, len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + frame.payload
    return message + pack("!I", crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return pack("!B", len(name)) + name + pack("!BH", _STRING, len(value)) + value


AWS_EVENTS = Framing(b"application/vnd.amazon.eventstream", encode)
