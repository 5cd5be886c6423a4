"""Answers that come as events. A stream that has begun is never asked for again by itself: that could cost twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import errors
from .meta import GatewayInfo
from .model import Unknown
from .sse import EventTooLarge, Parser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from .core import Op, Reply, Settings

E = TypeVar("E")
R = TypeVar("R")
MOST_UNKNOWN = 100


class Events(Generic[E]):
    """What both kinds of streams share: bytes in, events out. `unknown` holds events of a name that the stream's type
    has no place for, at most 100; a stream whose events are a union has them among its events."""

    def __init__(self, settings: Settings, op: Op, reply: Reply) -> None:
        self.gateway = GatewayInfo(reply.status, reply.headers, b"", reply.retries)
        self.unknown: list[tuple[str, Any]] = []
        self._settings, self._op = settings, op
        self._parser = Parser()
        self._decode = op.decoder_of(op.event, settings.types)
        self._fold = _fold_of(op.fold)
        self._is_complete = False
        self._failure: errors.StreamInterrupted | None = None

    @property
    def partial(self) -> Any:
        """The answer as far as it has come, typed as the whole; None where events do not add up to one."""
        if self._fold is None:
            return None
        raw = self._fold.whole()
        if raw is None:
            return None
        said = self._op.answer if isinstance(self._op.answer, str) else next(iter(self._op.answer.values()))
        made = self._op.decoder_of(said, self._settings.types)
        return made(raw, self.gateway) if isinstance(made, type) else raw

    def _feed(self, piece: bytes) -> list[E]:
        """Events before a failure come first: it is raised when they have been seen."""
        found: list[E] = []
        try:
            for name, data in self._parser.feed(piece):
                if self._is_complete:
                    break
                self._take(name, data, found)
                if self._failure is not None:
                    break
        except EventTooLarge as error:
            self._failure = self._interrupted(str(error))
        if self._parser.comments:
            self._note()
        return found

    def _take(self, name: str, data: bytes, found: list[E]) -> None:
        op = self._op
        if op.done and data == op.done:
            self._is_complete = True
            return
        try:
            raw = json.loads(data)
        except ValueError:
            self._failure = self._interrupted("an event is no JSON")
            return
        if name == "error" or (isinstance(raw, dict) and "error" in raw and self._is_error(raw)):
            self._failure = self._error(raw)
            return
        tag = name or (raw.get("type") if isinstance(raw, dict) else None)
        decode = self._decode
        if isinstance(decode, type) and name not in ("", "message"):  # events of one type have no names
            if len(self.unknown) < MOST_UNKNOWN:
                self.unknown.append((name, raw))
            return
        if self._fold is not None:
            self._fold.add(raw)
        if isinstance(raw, dict):
            found.append(decode(raw) if decode is not None else raw)  # type: ignore[arg-type]
        else:
            found.append(Unknown({"event": name, "data": raw}))  # type: ignore[arg-type]
        if tag in op.last:
            self._is_complete = True

    def _is_error(self, raw: dict[str, Any]) -> bool:
        """`{"error": {…}}` of OpenAI's wire formats; a `Response` has a field of that name too, in its own object."""
        return isinstance(raw["error"], dict) and "choices" not in raw and "response" not in raw

    def _error(self, raw: Any) -> errors.StreamInterrupted:
        said = raw.get("error", raw) if isinstance(raw, dict) else {"message": str(raw)}
        said = said if isinstance(said, dict) else {"message": str(said)}
        code = said.get("code") or said.get("type")
        return self._interrupted(str(said.get("message", "the stream ended with an error")), code)

    def _interrupted(self, message: str, code: Any = None) -> errors.StreamInterrupted:
        return errors.StreamInterrupted(
            message,
            code=code if isinstance(code, str) else None,
            request_id=self.gateway.request_id,
            partial=self.partial,
        )

    def _note(self) -> None:
        for comment in self._parser.comments:
            try:
                said = json.loads(comment)
            except ValueError:
                continue
            if isinstance(said, dict):
                self.gateway.note(said)
        self._parser.comments.clear()

    def _end(self) -> None:
        """The body is over. Raises StreamInterrupted when the answer is not."""
        if self._failure is not None:
            raise self._failure
        is_short = bool(self._op.done or self._op.last) and not self._is_complete
        if is_short or self._parser.is_within:
            raise self._interrupted("the stream ended before its end")


class Stream(Events[E], Generic[E, R]):
    """Iterate over it for the events, or ask `result()` for the whole answer. Leave it early with `close()` or a `with`
    block: that ends the call."""

    def __init__(self, settings: Settings, op: Op, reply: Reply) -> None:
        super().__init__(settings, op, reply)
        self._body = reply.body
        self._events = self._iterate()

    def __iter__(self) -> Iterator[E]:
        return self._events

    def __next__(self) -> E:
        return next(self._events)

    def _iterate(self) -> Iterator[E]:
        try:
            for piece in self._body.pieces():
                yield from self._feed(piece)
                if self._failure is not None or self._is_complete:
                    break
        except errors.ConnectionFailed as broken:
            if not self._is_complete:
                raise self._interrupted(str(broken)) from broken
        except GeneratorExit:
            self._body.close()
            raise
        if self._is_complete and self._failure is None:
            self._drain()
        else:
            self._body.close()
            self._end()

    def _drain(self) -> None:
        """What is behind the end, such as the end of the body, so that the connection can be used again."""
        try:
            for piece in self._body.pieces():
                self._feed(piece)
        except errors.ConnectionFailed:
            return

    def result(self) -> R:
        """The rest is read; the whole answer, typed as that of the method without events."""
        for _ in self._events:
            pass
        found: R = self.partial
        return found

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> Stream[E, R]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncStream(Events[E], Generic[E, R]):
    """As `Stream`, for `async for` and `async with`."""

    def __init__(self, settings: Settings, op: Op, reply: Reply) -> None:
        super().__init__(settings, op, reply)
        self._body = reply.body
        self._events = self._iterate()

    def __aiter__(self) -> AsyncIterator[E]:
        return self._events

    async def __anext__(self) -> E:
        return await self._events.__anext__()

    async def _iterate(self) -> AsyncIterator[E]:
        try:
            async for piece in self._body.pieces():
                for event in self._feed(piece):
                    yield event
                if self._failure is not None or self._is_complete:
                    break
        except errors.ConnectionFailed as broken:
            if not self._is_complete:
                raise self._interrupted(str(broken)) from broken
        await self._body.close()
        if not self._is_complete or self._failure is not None:
            self._end()

    async def result(self) -> R:
        async for _ in self._events:
            pass
        found: R = self.partial
        return found

    async def close(self) -> None:
        await self._body.close()

    async def __aenter__(self) -> AsyncStream[E, R]:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


# ---- events → the whole answer -----------------------------------------------------------------------------------
class _Chat:
    """Chunks of a chat or text completion: texts are joined, tool calls by their index."""

    def __init__(self, kind: str) -> None:
        self._whole: dict[str, Any] | None = None
        self._kind = kind
        self._texts: dict[tuple[int, str], list[str]] = {}

    def add(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            return
        if self._whole is None:
            self._whole = {**raw, "object": self._kind, "choices": []}
        whole = self._whole
        if raw.get("usage") is not None:
            whole["usage"] = raw["usage"]
        for said in raw.get("choices") or ():
            self._choice(whole["choices"], said)

    def _choice(self, choices: list[dict[str, Any]], said: dict[str, Any]) -> None:
        index = said.get("index", 0)
        choice = next((one for one in choices if one["index"] == index), None)
        if choice is None:
            choice = {"index": index, "finish_reason": None}
            choice.update({"message": {"role": "assistant"}} if self._kind == "chat.completion" else {})
            choices.append(choice)
        if said.get("finish_reason") is not None:
            choice["finish_reason"] = said["finish_reason"]
        if isinstance(said.get("text"), str):
            self._texts.setdefault((index, "text"), []).append(said["text"])
        delta = said.get("delta")
        if isinstance(delta, dict):
            for name in ("content", "refusal", "reasoning_content"):
                if isinstance(delta.get(name), str):
                    self._texts.setdefault((index, name), []).append(delta[name])
            if delta.get("role"):
                choice["message"]["role"] = delta["role"]
            for call in delta.get("tool_calls") or ():
                _tool_call(choice["message"].setdefault("tool_calls", []), call)

    def whole(self) -> Any:
        if self._whole is None:
            return None
        for choice in self._whole["choices"]:
            into = choice.get("message", choice)
            for (index, name), texts in self._texts.items():
                if index == choice["index"]:
                    into[name] = "".join(texts)
        return self._whole


def _tool_call(calls: list[dict[str, Any]], said: dict[str, Any]) -> None:
    index = said.get("index", len(calls))
    call = next((one for one in calls if one.get("index") == index), None)
    if call is None:
        call = {"index": index, "id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        calls.append(call)
    call["id"] = said.get("id") or call["id"]
    function = said.get("function") or {}
    call["function"]["name"] = function.get("name") or call["function"]["name"]
    call["function"]["arguments"] += function.get("arguments") or ""


class _Responses:
    """The last event holds the whole; before it, the items that are done and the text so far."""

    def __init__(self) -> None:
        self._whole: dict[str, Any] | None = None
        self._items: dict[int, Any] = {}
        self._texts: dict[int, list[str]] = {}
        self._is_final = False

    def add(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            return
        if isinstance(raw.get("response"), dict):
            self._whole = raw["response"]
            self._is_final = raw.get("type") in ("response.completed", "response.incomplete", "response.failed")
        elif raw.get("type") == "response.output_item.done":
            self._items[raw.get("output_index", 0)] = raw.get("item")
        elif raw.get("type") == "response.output_text.delta":
            self._texts.setdefault(raw.get("output_index", 0), []).append(str(raw.get("delta", "")))

    def whole(self) -> Any:
        if self._whole is None or self._is_final:
            return self._whole
        begun = {
            index: {"type": "message", "id": "", "role": "assistant", "status": "incomplete",
                    "content": [{"type": "output_text", "text": "".join(texts), "annotations": []}]}
            for index, texts in self._texts.items()
        }  # fmt: skip
        items = {**begun, **self._items}
        return {**self._whole, "output": [items[index] for index in sorted(items)]}


class _Messages:
    """Blocks by their index; the delta of the message has why it stopped and the usage."""

    def __init__(self) -> None:
        self._whole: dict[str, Any] | None = None
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}

    def add(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            return
        kind = raw.get("type")
        if kind == "message_start":
            self._whole = dict(raw.get("message") or {})
        elif kind == "content_block_start":
            self._blocks[raw.get("index", 0)] = dict(raw.get("content_block") or {})
        elif kind == "content_block_delta":
            self._delta(raw.get("index", 0), raw.get("delta") or {})
        elif kind == "message_delta" and self._whole is not None:
            self._whole.update({name: value for name, value in (raw.get("delta") or {}).items() if value is not None})
            self._whole["usage"] = {**(self._whole.get("usage") or {}), **(raw.get("usage") or {})}

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        for name, into in (("text", "text"), ("partial_json", "input"), ("thinking", "thinking")):
            if isinstance(delta.get(name), str):
                self._texts.setdefault((index, into), []).append(delta[name])
        if delta.get("signature"):
            self._blocks.setdefault(index, {})["signature"] = delta["signature"]

    def whole(self) -> Any:
        if self._whole is None:
            return None
        for (index, name), texts in self._texts.items():
            block, text = self._blocks.setdefault(index, {}), "".join(texts)
            block[name] = _object(text) if name == "input" else text
        return {**self._whole, "content": [self._blocks[index] for index in sorted(self._blocks)]}


def _object(text: str) -> Any:
    """Of a tool's input that may have broken off: then what came stands under `partial_json`."""
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {"partial_json": text}


def _fold_of(name: str) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "chat": lambda: _Chat("chat.completion"),
        "completion": lambda: _Chat("text_completion"),
        "responses": _Responses,
        "messages": _Messages,
    }
    return made[name]() if name else None
