"""Log lines: one event is one line, whatever a caller put into it, and no credential is in it."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from config import logs

HOSTILE = "a\r\n2026-01-01 [info] signed in\x1b[31m\x1b]0;x\x07\u2028b\u202egnp\x00\x9b2J"
SEEN = r"a\r\n2026-01-01 [info] signed in\x1b[31m\x1b]0;x\x07\u2028b\u202egnp\x00\x9b2J"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the installation's own handler writes."""
    logs.configure()
    written = io.StringIO()
    (handler,) = (
        one for one in logging.getLogger().handlers if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    )
    monkeypatch.setattr(handler, "stream", written)
    return written


@pytest.mark.parametrize("name", ["event", "value", "foreign"])
def test_an_event_is_one_line_without_control_characters(name: str, lines: io.StringIO) -> None:
    if name == "foreign":
        logging.getLogger("somebody.else").warning("refused %s", HOSTILE)
    elif name == "event":
        structlog.get_logger("test").warning(HOSTILE)
    else:
        structlog.get_logger("test").warning("refused", path=HOSTILE)

    text = lines.getvalue()
    assert text.count("\n") == 1
    assert not [letter for letter in text[:-1] if ord(letter) < 32 or 127 <= ord(letter) < 160]
    assert SEEN.split("x1b")[0].rstrip("\\") in text.replace("\\\\", "\\")
    assert "\u202e" not in text


def test_a_traceback_keeps_its_lines_and_nothing_else(lines: io.StringIO) -> None:
    try:
        raise ValueError("\x1b[31m gw-abcdefghijklmnop")
    except ValueError:
        structlog.get_logger("test").exception("failed")

    text = lines.getvalue()
    assert text.count("\n") > 2
    assert "\x1b" not in text
    assert "gw-abcdefghijklmnop" not in text


def test_as_json_it_is_one_line_too() -> None:
    event: Any = logs.escape(None, "info", logs.redact(None, "info", {"event": HOSTILE, "key": "sk-abcdefgh12345"}))

    assert json.loads(json.dumps(event)) == {"event": SEEN, "key": "[redacted]"}
