"""A request again, as a command and as code. The gateway keeps no bodies unless told to, so the message is yours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.console.parts import Sample
from gateway.models import LedgerLine

MESSAGE = "Hello"
OPENAI, ANTHROPIC = "openai", "anthropic"
CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a path is called: the method of the vendor's client, where the message stands (empty: nowhere), the name of
    the bound on output, what else it needs, a file (parameter, name) that is sent along, and one that is written."""

    method: str
    message: str = "messages"
    client: str = OPENAI
    bound: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    file: tuple[str, str] | None = None
    output: str = ""


SHAPES = {
    CHAT: Shape("chat.completions.create", bound="max_tokens"),
    "/completions": Shape("completions.create", "prompt", bound="max_tokens"),
    "/responses": Shape("responses.create", "input", bound="max_output_tokens"),
    "/embeddings": Shape("embeddings.create", "input"),
    "/moderations": Shape("moderations.create", "input"),
    "/messages": Shape("messages.create", client=ANTHROPIC, bound="max_tokens", more={"max_tokens": 1024}),
    "/messages/count_tokens": Shape("messages.count_tokens", client=ANTHROPIC),
    "/images/generations": Shape("images.generate", "prompt"),
    "/images/edits": Shape("images.edit", "prompt", file=("image", "image.png")),
    "/images/variations": Shape("images.create_variation", "", file=("image", "image.png")),
    "/audio/speech": Shape("audio.speech.create", "input", more={"voice": "alloy"}, output="speech.mp3"),
    "/audio/transcriptions": Shape("audio.transcriptions.create", "", file=("file", "audio.mp3")),
    "/audio/translations": Shape("audio.translations.create", "", file=("file", "audio.mp3")),
}
"""By path behind `/v1`; what is called in another way (batches, imports) is shown as a chat."""


def samples(line: LedgerLine, gateway_url: str) -> list[Sample]:
    """curl and Python; `gateway_url` ends in `/v1`. What the ledger knows of the call is filled in."""
    path = line.endpoint.removeprefix("/v1")
    path = path if path in SHAPES else CHAT
    body = _body(line, SHAPES[path])
    return [
        Sample("curl", _curl(gateway_url + path, SHAPES[path], body)),
        Sample("Python", _python(gateway_url, SHAPES[path], body)),
    ]


def _body(line: LedgerLine, shape: Shape) -> dict[str, Any]:
    body: dict[str, Any] = {"model": line.model_requested or line.model_served or "MODEL"}
    if shape.message:
        body[shape.message] = [{"role": "user", "content": MESSAGE}] if shape.message == "messages" else MESSAGE
    body |= shape.more
    if line.max_tokens and shape.bound:
        body[shape.bound] = line.max_tokens
    return body | ({"stream": True} if line.is_stream and shape.bound else {})


def _curl(url: str, shape: Shape, body: dict[str, Any]) -> str:
    parts = [f"curl {url}", '-H "Authorization: Bearer $GATEWAY_KEY"']
    if shape.client == ANTHROPIC:
        parts.append('-H "anthropic-version: 2023-06-01"')
    if shape.file:
        parts += [f"-F {_quoted(f'{name}={value}')}" for name, value in body.items()]
        parts.append(f"-F {shape.file[0]}=@{shape.file[1]}")
    else:
        parts += ['-H "Content-Type: application/json"', f"-d {_quoted(json.dumps(body, ensure_ascii=False))}"]
    if shape.output:
        parts.append(f"--output {shape.output}")
    return " \\\n  ".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _python(gateway_url: str, shape: Shape, body: dict[str, Any]) -> str:
    name = "Anthropic" if shape.client == ANTHROPIC else "OpenAI"
    base = gateway_url.removesuffix("/v1") if shape.client == ANTHROPIC else gateway_url
    start = [
        "import os", "", f"from {shape.client} import {name}", "",
        f'client = {name}(base_url="{base}", api_key=os.environ["GATEWAY_KEY"])',
    ]  # fmt: skip
    arguments = [f"    {name}={value!r}," for name, value in body.items()]
    if shape.file:
        arguments.append(f'    {shape.file[0]}=open("{shape.file[1]}", "rb"),')
    if shape.output:
        end = [f'answer.write_to_file("{shape.output}")']
    elif body.get("stream"):
        end = ["for event in answer:", "    print(event)"]
    else:
        end = ["print(answer)"]
    return "\n".join([*start, f"answer = client.{shape.method}(", *arguments, ")", *end])
