"""The driver of the Python package: see README.md. Its folder stands in PYTHONPATH."""

import json
import sys
import threading
from typing import Any

from llm_gateway import Cancel, Gateway, Unknown, errors


def main() -> None:
    for line in sys.stdin:
        said = json.loads(line)
        print(json.dumps({"id": said["id"], **run(said)}), flush=True)


def run(said: dict[str, Any]) -> dict[str, Any]:
    delays: list[float] = []
    client = Gateway(
        base_url=said["base_url"], api_key="gw-test", management_key="gw-manage",
        on_retry=lambda retry: delays.append(retry.delay_s), **said.get("client", {}),
    )  # fmt: skip
    client._sleep = lambda seconds, cancel: None  # type: ignore[method-assign]
    options = dict(said.get("options", {}))
    if after := options.pop("cancel_after_ms", None):
        options["cancel"] = cancel = Cancel()
        threading.Timer(after / 1000, cancel.cancel).start()
    events: list[Any] = []
    with client:
        try:
            outcome = call(client, said["operation"], {**said["args"], "request_options": options}, events)
        except errors.GatewayError as error:
            outcome = {"error": told(error)}
    return {**outcome, "delays": delays, **({"events": events} if events else {})}


def call(client: Gateway, operation: str, args: dict[str, Any], events: list[Any]) -> dict[str, Any]:
    manage: Any = client.manage
    answering: dict[str, Any] = {
        "chat.create": client.chat.completions.create, "embeddings.create": client.embeddings.create,
        "feedback.create": client.feedback.create, "keys.create": manage.api_keys.create,
        "analytics.query": manage.admin.analytics.query,
    }  # fmt: skip
    streaming: dict[str, Any] = {
        "chat.stream": client.chat.completions.stream, "responses.stream": client.responses.stream,
        "messages.stream": client.messages.stream,
    }  # fmt: skip
    if operation in answering:
        return answered(answering[operation](**args))
    if operation in streaming:
        return streamed(streaming[operation](**args), events)
    if operation == "models.get":
        return answered(client.models.get(args.pop("model"), **args))
    if operation == "keys.update":
        return answered(manage.api_keys.update(args.pop("id"), **args))
    if operation == "keys.delete":
        return {"answer": manage.annotations.delete(args.pop("id"), **args)}
    if operation == "files.create":
        args["file"] = ("file.jsonl", args["file"].encode())
        return answered(client.files.create(**args))
    if operation == "files.content":
        return {"text": client.files.content(args.pop("file_id"), **args).decode()}
    listed: Any = client.files.list if operation == "files.list" else manage.api_keys.list
    return {"items": [item.to_dict() for item in listed(**args)]}


def answered(answer: Any) -> dict[str, Any]:
    info = answer.gateway
    names = ("status", "request_id", "cache", "provider", "attempts", "retries", "replayed")
    gateway = {name: getattr(info, name) for name in names}
    return {
        "answer": answer.to_dict(),
        "gateway": {**gateway, "cost": None if info.cost is None else str(info.cost)},
        "read": [choice.message.content for choice in answer.choices] if "choices" in answer else None,
    }


def streamed(stream: Any, events: list[Any]) -> dict[str, Any]:
    text = ""
    for event in stream:
        events.append("?" if isinstance(event, Unknown) else event.to_dict())
        if "choices" in event:
            text += "".join(choice.delta.content or "" for choice in event.choices)
    whole, cost = stream.result(), stream.gateway.cost
    if len(text) > 100_000:
        return {"text_length": len(text)}
    return {"text": text, "whole": whole.to_dict(), "cost": None if cost is None else str(cost)}


def told(error: Any) -> dict[str, Any]:
    partial = getattr(error, "partial", None)
    names = ("status", "code", "message", "request_id", "retry_after_s", "phase", "sent")
    found = {name: getattr(error, name, None) for name in names}
    found["kind"] = type(error).__name__.removesuffix("Error")
    if partial is not None and "choices" in partial:
        found["partial_text"] = "".join(choice.message.content or "" for choice in partial.choices)
    return found


if __name__ == "__main__":
    main()
