"""Repairs of one line. Each takes a decoded line and says what it did, "" when an earlier repair had done it already;
None: it cannot be repaired."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson

from finetuning.messages import INSTRUCTING

from ..checks.encoding import CONTROL, ESCAPED, ESCAPED_TWICE, HOMOGLYPH, MOJIBAKE, redecoded
from ..checks.keys import CHAT, PAIR, keys_of, messages_of
from ..checks.privacy import spans
from ..checks.roles import ROLES
from ..checks.weights import is_weight
from ..examples import Example, read
from ..reading import Line

Record = dict[str, Any]
_ROLES = {
    "human": "user", "customer": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "ai": "assistant",
    "model": "assistant", "chatbot": "assistant", "agent": "assistant", "instruction": "system",
}  # fmt: skip
_ALIKE = dict(zip("аеорсухіјѕһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕКМНОРСТХ", "aeopcyxijshdqwABEZHIKMNOPTYXoABEKMHOPCTX", strict=True))


def example_of(record: Record) -> Example:
    return read(Line(0, 0, orjson.dumps(record)))


def json_of(raw: bytes) -> tuple[Record, str] | None:
    """A broken line with the usual slips undone: a comma behind, brackets missing at the end, names without quotes."""
    text = raw.decode("utf-8", "replace").strip()
    for candidate, done in (
        (text.rstrip(","), "comma behind the line removed"),
        (text + _closing(text), "missing brackets added"),
        (re.sub(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)", r'\1"\2"\3', text, count=1), "name put in quotes"),
        (re.sub(r",(\s*[}\]])", r"\1", text), "comma before a bracket removed"),
    ):
        try:
            record = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict):
            return record, done
    return None


def _closing(text: str) -> str:
    """The brackets that are open at the end, outside of strings; nothing when a string is open."""
    open_brackets: list[str] = []
    in_string = escaped = False
    for letter in text:
        if in_string:
            in_string, escaped = escaped or letter != '"', letter == "\\" and not escaped
        elif letter == '"':
            in_string = True
        elif letter in "{[":
            open_brackets.append("}" if letter == "{" else "]")
        elif letter in "}]" and open_brackets:
            open_brackets.pop()
    return "" if in_string else "".join(reversed(open_brackets))


def missing_messages(record: Record) -> str | None:
    """Other formats become chat: prompt and completion, Alpaca, ShareGPT, a list under another name."""
    found = _converted(record)
    if not found:
        return None
    kept = {key: record[key] for key in ("tools", "parallel_tool_calls") if isinstance(record.get(key), list | bool)}
    record.clear()
    record.update({"messages": found, **kept})
    return "brought into the chat format"


def _converted(record: Record) -> list[Record]:
    if isinstance(record.get("prompt"), str) and isinstance(record.get("completion"), str):
        return _pair(record["prompt"], record["completion"])
    if isinstance(record.get("instruction"), str) and isinstance(record.get("output"), str):
        given = record.get("input")
        asked = f"{record['instruction']}\n\n{given}" if isinstance(given, str) and given else record["instruction"]
        return _pair(asked, record["output"])
    for name in ("conversations", "conversation", "message", "messages", "dialog", "chat"):
        turns = record.get(name)
        if isinstance(turns, list) and turns and all(isinstance(turn, dict) for turn in turns):
            said = [_turn(turn) for turn in turns]
            if all(said):
                return [turn for turn in said if turn]
    return []


def _pair(asked: str, answer: str) -> list[Record]:
    if not asked.strip() or not answer.strip():
        return []
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _turn(turn: Record) -> Record | None:
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    known = _role(role)
    return {"role": known, "content": content} if known and isinstance(content, str) else None


def _role(role: object) -> str:
    name = str(role).strip().lower()
    return name if name in ROLES else _ROLES.get(name, "")


def unknown_role(record: Record) -> str | None:
    for _, message in messages_of(example_of(record)):
        if message.get("role") not in ROLES and not _role(message.get("role")):
            return None
    for message in _messages(record):
        message["role"] = _role(message.get("role"))
    return "roles renamed"


def _messages(record: Record) -> list[Record]:
    """Every message of a line, to be changed."""
    lists = [record.get("messages"), record.get("preferred_output"), record.get("non_preferred_output")]
    if isinstance(record.get("input"), dict):
        lists.append(record["input"].get("messages"))
    return [one for messages in lists if isinstance(messages, list) for one in messages if isinstance(one, dict)]


def unknown_key(record: Record) -> str | None:
    """Keys go that the format does not have, each where it is too many; what a grader may read of a line stays."""
    example = example_of(record)
    removed = set()
    if example.is_pair or not example.messages or example.messages[-1].get("role") == "assistant":
        removed = {key for key in record if key not in CHAT | PAIR}
        for key in removed:
            del record[key]
    for message in _messages(record):
        for key in [key for key in message if key not in keys_of(message)]:
            del message[key]
            removed.add(key)
    return f"{', '.join(f'`{name[:40]}`' for name in sorted(removed))} removed" if removed else ""


def role_order(record: Record) -> str | None:
    """System messages go first; a question and its answer that changed places change back."""
    is_pair = "messages" not in record
    place = record.get("input") if is_pair else record
    if not isinstance(place, dict) or not isinstance(place.get("messages"), list):
        return None
    messages = place["messages"]
    first = [message for message in messages if message.get("role") in INSTRUCTING]
    rest = [message for message in messages if message.get("role") not in INSTRUCTING]
    done = "system message moved to the front"
    if is_pair:  # its answers stand beside it
        place["messages"] = first + rest
        return done if rest and first + rest != messages else None
    if [message.get("role") for message in rest] == ["assistant", "user"]:
        rest.reverse()
        done = "question and answer put in order"
    place["messages"] = first + rest
    roles = [message.get("role") for message in rest]
    repeats = any(one == other == "assistant" for one, other in pairwise(roles))
    return done if roles and roles[-1] == "assistant" and not repeats else None


def bad_weight(record: Record) -> str | None:
    for message in _messages(record):
        weight = message.get("weight", 1)
        if "weight" in message and (message.get("role") != "assistant" or not is_weight(weight)):
            if message.get("role") == "assistant" and weight in (0, False, "0"):
                message["weight"] = 0
            else:
                del message["weight"]
    return "weight set right"


def encoding_noise(record: Record) -> str | None:
    return "damaged text repaired" if _each_text(record, repaired) else ""


def repaired(text: str) -> str:
    """Doubly decoded UTF-8 read right, invisible characters and escapes of HTML undone, look-alikes replaced. Lost
    characters (U+FFFD) become blanks."""
    text = MOJIBAKE.sub(lambda found: redecoded(found.group()) or found.group(), text)
    text = CONTROL.sub("", text.replace("\ufffd", " "))
    if ESCAPED_TWICE.search(text) or ESCAPED.search(text):
        text = html.unescape(html.unescape(text)).replace("\xa0", " ")
        text = re.sub(r"\s*<br\s*/?>", "\n", text).rstrip()
    while found := HOMOGLYPH.search(text):
        plain = "".join(_ALIKE.get(letter, letter) for letter in found.group())
        if plain == found.group():
            break
        text = text[: found.start()] + plain + text[found.end() :]
    return text


def private(record: Record) -> str | None:
    return "replaced by placeholders" if _each_text(record, redacted) else ""


def redacted(text: str) -> str:
    for _, what, start, end in reversed(spans(text)):
        text = f"{text[:start]}[{what.upper()}]{text[end:]}"
    return text


def _each_text(record: Record, change: Callable[[str], str]) -> bool:
    """Change every text of a line in place; whether one changed."""
    changed = False
    for message in _messages(record):
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = change(content)
            changed = changed or message["content"] != content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                before, part["text"] = part["text"], change(part["text"])
                changed = changed or part["text"] != before
    return changed


REPAIRS: dict[str, Callable[[Record], str | None]] = {
    "missing_messages": missing_messages, "unknown_role": unknown_role, "unknown_key": unknown_key,
    "role_order": role_order, "bad_weight": bad_weight, "encoding_noise": encoding_noise, "secret": private,
    "pii": private,
}  # fmt: skip
"""By kind, in the order in which they are tried."""
