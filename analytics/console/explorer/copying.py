"""A request again, as a command and as code. The gateway keeps no bodies unless told to, so the message is yours."""

from __future__ import annotations

import json
from typing import Any

from gateway.console.parts import Sample
from gateway.models import LedgerLine

MESSAGE = "Hello"


def samples(line: LedgerLine, gateway_url: str) -> list[Sample]:
    """curl and Python; `gateway_url` ends in `/v1`. What the ledger knows of the call is filled in."""
    path = line.endpoint.removeprefix("/v1") if line.endpoint.startswith("/v1/") else "/chat/completions"
    body = _body(line, path)
    return [Sample("curl", _curl(gateway_url + path, body)), Sample("Python", _python(gateway_url, path, body))]


def _body(line: LedgerLine, path: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": line.model_requested or line.model_served or "MODEL"}
    if "embeddings" in path or "moderations" in path or path.endswith("/responses"):
        body["input"] = MESSAGE
    elif path == "/completions":
        body["prompt"] = MESSAGE
    else:
        body["messages"] = [{"role": "user", "content": MESSAGE}]
    if line.max_tokens:
        body["max_tokens"] = line.max_tokens
    elif path == "/messages":
        body["max_tokens"] = 1024
    return body | ({"stream": True} if line.is_stream else {})


def _curl(url: str, body: dict[str, Any]) -> str:
    quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f'curl {url} \\\n  -H "Authorization: Bearer $GATEWAY_KEY" \\\n'
        f"  -H \"Content-Type: application/json\" \\\n  -d '{quoted}'"
    )


def _python(gateway_url: str, path: str, body: dict[str, Any]) -> str:
    calls = {
        "/chat/completions": "chat.completions.create", "/completions": "completions.create",
        "/responses": "responses.create", "/embeddings": "embeddings.create", "/moderations": "moderations.create",
    }  # fmt: skip
    if path == "/messages":
        start = [
            "import os", "", "from anthropic import Anthropic", "",
            f'client = Anthropic(base_url="{gateway_url.removesuffix("/v1")}", api_key=os.environ["GATEWAY_KEY"])',
        ]  # fmt: skip
        call = "messages.create"
    elif path in calls:
        start = [
            "import os", "", "from openai import OpenAI", "",
            f'client = OpenAI(base_url="{gateway_url}", api_key=os.environ["GATEWAY_KEY"])',
        ]  # fmt: skip
        call = calls[path]
    else:
        return "\n".join([
            "import os", "", "import httpx", "",
            f'answer = httpx.post("{gateway_url}{path}", json={body!r},',
            '    headers={"Authorization": "Bearer " + os.environ["GATEWAY_KEY"]}, timeout=600)',
            "print(answer.json())",
        ])  # fmt: skip
    arguments = "\n".join(f"    {name}={value!r}," for name, value in body.items())
    end = ["for event in answer:", "    print(event)"] if body.get("stream") else ["print(answer)"]
    return "\n".join([*start, f"answer = client.{call}(", arguments, ")", *end])
