"""A streamed answer, by the standard library."""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Any

REPEATABLE = {408, 429, 500, 502, 503, 504, 529}
MOST_REPEATS = 2


class APIError(Exception):
    def __init__(self, status: int, code: str | None, message: str, request_id: str | None) -> None:
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


class StreamInterrupted(Exception):
    pass


def error_of(status: int, headers: Message, content: bytes) -> APIError:
    code, message = None, content.decode(errors="replace")
    try:
        said = json.loads(content)["error"]
        code, message = said.get("code"), said["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return APIError(status, code, message, headers.get("x-request-id"))


def pause_s(retry_after: str | None, repeats: int) -> float:
    """Dates, which the header may hold too, are not understood."""
    if retry_after is not None and retry_after.isdigit():
        return float(retry_after)
    return min(8.0, 0.5 * 2.0**repeats) * random.uniform(0.75, 1)


def ask(body: Mapping[str, Any]) -> HTTPResponse:
    """A repeat has the key of the first try, and so is billed once."""
    request = urllib.request.Request(
        os.environ["GATEWAY_BASE_URL"] + "/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['GATEWAY_API_KEY']}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    repeats = 0
    while True:
        retry_after = None
        try:
            response: HTTPResponse = urllib.request.urlopen(request, timeout=60)
            return response
        except urllib.error.HTTPError as error:
            if error.code not in REPEATABLE or repeats == MOST_REPEATS:
                raise error_of(error.code, error.headers, error.read()) from None
            retry_after = error.headers.get("retry-after")
        except (OSError, HTTPException):
            if repeats == MOST_REPEATS:
                raise
        time.sleep(pause_s(retry_after, repeats))
        repeats += 1


def events(response: HTTPResponse) -> Iterator[tuple[str, str]]:
    """Comments and data of server-sent events."""
    data: list[str] = []
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line.startswith(":"):
            yield "comment", line[1:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "data", "\n".join(data)
            data = []


def main() -> None:
    question = {"role": "user", "content": "Count to ten."}
    try:
        with ask({"model": sys.argv[1], "messages": [question], "stream": True}) as response:
            cost, is_done = None, False
            for kind, text in events(response):
                if kind == "comment":
                    if text.startswith("gateway "):
                        cost = json.loads(text.removeprefix("gateway "))["cost"]
                elif text == "[DONE]":
                    is_done = True
                else:
                    chunk = json.loads(text)
                    if "error" in chunk:
                        raise error_of(response.status, response.headers, text.encode())
                    for choice in chunk["choices"]:
                        print(choice["delta"].get("content") or "", end="", flush=True)
            if not is_done:
                raise StreamInterrupted("the connection ended before the answer did")
        print()
        print(f"cost {cost}, request {response.headers['x-request-id']}")
    except APIError as error:
        print(f"{error.status} {error.code}, request {error.request_id}")


if __name__ == "__main__":
    main()
