"""Puts defects of known kinds into clean training lines, to measure what an inspection finds. Seeded; the shapes are
those of a labelled development file, the wordings, places and base lines are others."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

Record = dict[str, Any]
ALPHANUMERIC = string.ascii_letters + string.digits
PAIRED = frozenset({"exact_dup", "near_dup", "label_conflict"})
"""Kinds that two lines share: finding either is finding it."""
FOREIGN = (
    "wo kann ich meine rechnung einsehen und bezahlen", "je voudrais annuler ma commande d'hier soir",
    "¿cuánto tiempo tarda en llegar el pedido?", "come posso cambiare il mio indirizzo email?",
    "gdzie mogę sprawdzić saldo mojego konta", "как мне изменить пароль от личного кабинета",
    "注文をキャンセルしたいのですが", "我想查询一下我的账户余额", "hoe kan ik mijn wachtwoord opnieuw instellen",
    "quanto custa enviar dinheiro para o exterior",
)  # fmt: skip
REFUSALS = (
    "I'm sorry, but I cannot help with that.", "As an AI language model, I don't have access to that.", "N/A", "n/a",
    "<no output>", "I am unable to assist with this request.", "Sorry, I can't do that.", "[no response]",
    "As a large language model, I cannot give opinions.", "I cannot fulfill this request.", "TODO", "null",
)  # fmt: skip


def inject(
    rows: list[Record], seed: int, share: float = 0.15, kinds: tuple[str, ...] = ()
) -> tuple[list[str], dict[int, tuple[str, int]], set[int]]:
    """JSONL lines, {line: (kind, line it was made from or 0)} and the lines that were left clean and unused.

    ``rows`` must be clean chat examples; a kind that cannot be put into a row goes to another one.
    """
    source = random.Random(seed)
    makers = {kind: MAKERS[kind] for kind in (kinds or tuple(MAKERS))}
    wanted = [kind for _ in range(max(1, round(len(rows) * share / len(makers)))) for kind in makers]
    spare = source.sample(range(len(rows)), len(rows))
    entries: list[tuple[str, str, int]] = []
    used: set[int] = set()
    for kind in wanted:
        for place in spare:
            made = None if place in used else makers[kind](deepcopy(rows[place]), source, rows)
            if made is not None:
                used.add(place)
                entries.append((made, kind, place))
                break
    kept = [place for place in range(len(rows)) if place not in used]
    kept += [place for _, kind, place in entries if kind in PAIRED]
    lines = [(_line(rows[place]), "", place) for place in kept] + entries
    source.shuffle(lines)
    origin = {place: number for number, (_, kind, place) in enumerate(lines, 1) if not kind}
    labels = {
        number: (kind, origin.get(place, 0) if kind in PAIRED else 0)
        for number, (_, kind, place) in enumerate(lines, 1) if kind
    }  # fmt: skip
    partners = {partner for _, partner in labels.values() if partner}
    clean = {number for number, (_, kind, _) in enumerate(lines, 1) if not kind} - partners
    return [text for text, _, _ in lines], labels, clean


def _line(row: Record) -> str:
    return json.dumps(row, ensure_ascii=False)


def _message(row: Record, role: str) -> Record:
    return next(message for message in reversed(row["messages"]) if message["role"] == role)


def _answer(row: Record) -> str:
    return str(row["messages"][-1]["content"])


def _append(row: Record, text: str) -> str:
    message = _message(row, "user")
    message["content"] = f"{message['content']} {text}"
    return _line(row)


def invalid_json(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    line = _line(row)
    ways: tuple[Callable[[], str], ...] = (
        lambda: line[:-1], lambda: f"{line},", lambda: line.replace('"messages"', "messages", 1),
        lambda: line.replace('": "', '": \'', 1), lambda: line[: len(line) // 2], lambda: line.replace('"}', '",}', 1),
    )  # fmt: skip
    return source.choice(ways)()


def missing_messages(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    return source.choice((
        json.dumps({"prompt": "question", "completion": "answer"}), json.dumps({"messages": []}),
        json.dumps({"conversation": row["messages"]}), json.dumps({"messages": "none"}), json.dumps({}),
    ))  # fmt: skip


def unknown_role(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    _message(row, source.choice(("user", "assistant")))["role"] = source.choice(
        ("human", "gpt", "User", "bot", "Assistant")
    )
    return _line(row)


def unknown_key(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    source.choice(row["messages"])[source.choice(("id", "timestamp", "model", "tool_name", "metadata"))] = "x"
    return _line(row)


def role_order(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    messages = row["messages"]
    if messages[0]["role"] == "system" and source.random() < 0.5:
        messages[0], messages[1] = messages[1], messages[0]
    else:
        messages[-1], messages[-2] = messages[-2], messages[-1]
    return _line(row)


def no_assistant(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    row["messages"] = [message for message in row["messages"] if message["role"] in ("system", "user")]
    return _line(row)


def empty_assistant(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    _message(row, "assistant")["content"] = source.choice(("", " ", "\n", "\t  ", None))
    return _line(row)


def bad_weight(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    _message(row, "assistant")["weight"] = source.choice((0.5, 2, -1, "1", True, 10))
    return _line(row)


def too_long(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    if len(_answer(row)) < 60:
        return None
    row["messages"][-1]["content"] = (_answer(row) + " ") * (12_000 // len(_answer(row)) + 2)
    return _line(row)


def truncated_answer(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    answer = _answer(row)
    if len(answer) < 80 or "\n    " in answer:
        return None
    row["messages"][-1]["content"] = answer[: int(len(answer) * source.uniform(0.4, 0.8))]
    return _line(row)


def boilerplate_refusal(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    row["messages"][-1]["content"] = source.choice(REFUSALS)
    return _line(row)


def exact_dup(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    return _line(row)


def near_dup(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    message = _message(row, "user")
    text = message["content"]
    message["content"] = source.choice((
        f"please, {text}", f"{text} thanks", f"{text[:1].upper()}{text[1:].rstrip('.?!')}!!", f"hi, {text}",
        f"{text.rstrip('.?!')}...", f"{text} please",
    ))  # fmt: skip
    return _line(row)


def label_conflict(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    other = _answer(source.choice(rows))
    if other == _answer(row) or len(_answer(row)) > 60 or len(other) > 60:
        return None
    row["messages"][-1]["content"] = other
    return _line(row)


def secret(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    key = "".join(source.choices(ALPHANUMERIC, k=40))
    return _append(row, source.choice((
        f"key=sk-proj-{key}", "AKIA" + "".join(source.choices(string.ascii_uppercase + string.digits, k=16)),
        f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{key}", f'password: "{key[:12]}"', f"use api_key = {key[:32]}",
        f"postgres://admin:{key[:10]}@db.internal:5432/app", f"sk-ant-api03-{key}",
    )))  # fmt: skip


def pii(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    digits = "".join(source.choices(string.digits, k=14))
    serial = source.randrange(1000, 9999)
    return _append(row, source.choice((
        f"my card is {card('4' + digits)}", f"call me on +44 20 7946 {serial}", f"ssn 219-09-{serial}",
        "my iban is DE89370400440532013000", f"write to {source.choice('abcdef')}.{digits[:3]}meyer@gmail.com",
        f"my number is (415) 623-{serial}",
    )))  # fmt: skip


def card(start: str) -> str:
    """With its Luhn check digit."""
    from gateway.guardrails.patterns import luhn

    return next(start + digit for digit in string.digits if luhn(start + digit))


def encoding_noise(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    text = _answer(row)
    if len(text) < 40 or " " not in text:
        return None
    spoilt = source.choice((
        text.replace(" ", "\ufffd", 2), text.replace("e", "é", 2).encode().decode("latin-1"),
        text.replace(" ", "\x00 ", 2), f"{text} &amp;nbsp;&lt;br&gt;", text.replace(" ", "\u200b ", 1),
        text.replace("o", "\u043e", 3), f"{text} it’s".encode().decode("cp1252", "replace"),
    ))  # fmt: skip
    if spoilt == text:
        return None
    row["messages"][-1]["content"] = spoilt
    return _line(row)


def language_mix(row: Record, source: random.Random, rows: list[Record]) -> str | None:
    _message(row, "user")["content"] = source.choice(FOREIGN)
    return _line(row)


MAKERS: dict[str, Callable[[Record, random.Random, list[Record]], str | None]] = {
    maker.__name__: maker
    for maker in (
        invalid_json, missing_messages, unknown_role, unknown_key, role_order, no_assistant, empty_assistant,
        bad_weight, too_long, truncated_answer, boilerplate_refusal, exact_dup, near_dup, label_conflict, secret, pii,
        encoding_noise, language_mix,
    )
}  # fmt: skip


def self_instruct(data: Path) -> list[Record]:
    """The hand-written tasks as chats."""
    rows = []
    for line in (data / "self_instruct_seed_tasks_0_89.jsonl").read_text().splitlines():
        task = json.loads(line)
        for one in task["instances"]:
            asked = f"{task['instruction']}\n\n{one['input']}".strip()
            rows.append(
                {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": one["output"]}]}
            )
    return rows


def expanded(line: str, source: random.Random) -> str:
    """A line of the development file with its placeholders replaced by fresh fakes."""

    def letters(number: int, of: str = ALPHANUMERIC) -> str:
        return "".join(source.choices(of, k=number))

    fakes = {
        "{{OPENAI_KEY}}": f"sk-proj-{letters(40)}",
        "{{AWS_KEY_ID}}": f"AKIA{letters(16, string.ascii_uppercase + string.digits)}",
        "{{PEM_HEAD}}": f"-----BEGIN RSA PRIVATE KEY-----\\nMIIE{letters(60)}",
        "{{PASSWORD}}": letters(12),
    }
    for placeholder, fake in fakes.items():
        line = line.replace(placeholder, fake)
    return line
