"""Anthropic requests → `calls`. Unknown fields are ignored; wrong ones raise `ProviderError` as the vendor words it.

Source: https://platform.claude.com/docs/en/api/messages and …/build-with-claude/prompt-caching.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from gateway.simulator.calls import ChatCall, ProviderError, Tool
from gateway.simulator.prefix_cache import MARKED_1H_S, MARKED_5M_S
from gateway.simulator.tokens import split_tokens

IMAGE_TOKENS = 1_000
DOCUMENT_TOKENS = 1_500
THINKING_MEDIAN = 300.0
THINKING_MINIMUM = 1_024
MAX_MARKS = 4
_DECIDING = ("model", "system", "messages", "tools", "tool_choice", "output_config", "thinking")
_CACHE_LIVES_S = {"5m": MARKED_5M_S, "1h": MARKED_1H_S}


@dataclass(slots=True)
class _Prompt:
    """Tokens in the order the model reads them, where each block ends, and which ends were marked for the cache."""

    tokens: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, tokens: list[str], block: Any) -> None:
        """Append one block; its `cache_control` marks everything up to here."""
        self.tokens += tokens
        self.ends.append(len(self.tokens))
        control = block.get("cache_control") if isinstance(block, dict) else None
        if isinstance(control, dict):
            self.mark(control)

    def mark(self, control: dict[str, Any]) -> None:
        """Mark the end of what was added last."""
        if control.get("type") != "ephemeral" or control.get("ttl", "5m") not in _CACHE_LIVES_S:
            raise ProviderError(400, "cache_control: Input should be ephemeral with a ttl of '5m' or '1h'")
        lives_s = _CACHE_LIVES_S[control.get("ttl", "5m")]
        if lives_s == MARKED_1H_S and any(earlier == MARKED_5M_S for _, earlier in self.marks):
            raise ProviderError(
                400, "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
            )
        if len(self.marks) == MAX_MARKS:
            raise ProviderError(400, "A maximum of 4 blocks with cache_control may be provided. Found 5.")
        self.marks.append((self.ends[-1], lives_s))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProviderError(400, "The request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise ProviderError(400, "Input should be a valid dictionary")
    return value


def parse_messages(payload: dict[str, Any], *, needs_limit: bool = True) -> ChatCall:
    """A messages request; `needs_limit` is false for token counts."""
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise ProviderError(400, "model: Field required")
    limit = _limit(payload, needed=needs_limit)
    messages = payload.get("messages")
    if not isinstance(messages, list):
        raise ProviderError(400, "messages: Field required")
    if not messages:
        raise ProviderError(400, "messages: at least one message is required")
    tools = _tools(payload)
    prompt = _read_prompt(payload, messages)
    config = _object(payload.get("output_config"))
    deciding = [payload.get(name) for name in _DECIDING]
    median, budget = _thinking(payload, limit)
    return ChatCall(
        model=model,
        digest=blake2b(orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS), digest_size=16).digest(),
        prompt=prompt.tokens,
        last_user_text=_last_user_text(messages),
        after_tool=_has_result(messages[-1]),
        max_tokens=limit,
        stop=_stop(payload.get("stop_sequences")),
        tools=tools,
        must_call=_must_call(payload, tools),
        parallel_tools=_object(payload.get("tool_choice")).get("disable_parallel_tool_use") is not True,
        json_schema=_json_schema(config),
        effort=str(config.get("effort") or "medium"),
        stream=payload.get("stream") is True,
        service_tier="standard",
        reasoning_median=median,
        reasoning_limit=budget,
        show_reasoning=True,
        block_ends=tuple(prompt.ends),
        cache_points=tuple(prompt.marks),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _limit(payload: dict[str, Any], *, needed: bool) -> int | None:
    limit = payload.get("max_tokens")
    if limit is None:
        if needed:
            raise ProviderError(400, "max_tokens: Field required")
        return None
    if type(limit) is not int:
        raise ProviderError(400, "max_tokens: Input should be a valid integer")
    if limit < 1:
        raise ProviderError(400, "max_tokens: Input should be greater than or equal to 1")
    return limit


def _thinking(payload: dict[str, Any], limit: int | None) -> tuple[float | None, int | None]:
    """Median and upper bound of the thinking tokens; the model's own habits without a `thinking` object."""
    thinking = _object(payload.get("thinking"))
    match thinking.get("type"):
        case None:
            return None, None
        case "disabled":
            return 0.0, None
        case "adaptive":
            return THINKING_MEDIAN, None
        case "enabled":
            budget = thinking.get("budget_tokens")
            if type(budget) is not int or budget < THINKING_MINIMUM:
                raise ProviderError(
                    400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
                )
            if limit is not None and limit <= budget:
                raise ProviderError(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
            return THINKING_MEDIAN, budget
    raise ProviderError(400, "thinking: Input tag does not match any of the expected tags")


def _stop(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise ProviderError(400, "stop_sequences: Input should be a valid list")
    if not all(item.strip() for item in given):
        raise ProviderError(400, "stop_sequences: each stop sequence must contain non-whitespace")
    return tuple(given)


def _tools(payload: dict[str, Any]) -> tuple[Tool, ...]:
    """The caller's own tools; those that the vendor runs itself are accepted and never called."""
    given = payload.get("tools")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise ProviderError(400, "tools: Input should be a valid list")
    tools = []
    for index, item in enumerate(given):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ProviderError(400, f"tools.{index}.custom.name: Field required")
        if item.get("type") not in (None, "custom"):
            continue
        schema = item.get("input_schema")
        if not isinstance(schema, dict):
            raise ProviderError(400, f"tools.{index}.custom.input_schema: Field required")
        tools.append(Tool(item["name"], schema))
    return tuple(tools)


def _must_call(payload: dict[str, Any], tools: tuple[Tool, ...]) -> str:
    """`tool_choice` → "auto", "none", "required" or a tool's name."""
    choice = payload.get("tool_choice")
    if choice is None:
        return "auto"
    kind = _object(choice).get("type")
    if kind == "tool":
        name = choice.get("name")
        if name not in {tool.name for tool in tools}:
            raise ProviderError(400, f"tool_choice: tool '{name}' not found in provided tools")
        return str(name)
    if kind not in ("auto", "any", "none"):
        raise ProviderError(400, "tool_choice: Input tag does not match any of the expected tags")
    if kind == "any" and not tools:
        raise ProviderError(400, "tool_choice may only be specified while providing tools")
    return "required" if kind == "any" else str(kind)


def _json_schema(config: dict[str, Any]) -> dict[str, Any] | None:
    wanted = _object(config.get("format"))
    if not wanted:
        return None
    if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
        raise ProviderError(400, "output_config.format: Input should be a json_schema with a schema")
    return dict(wanted["schema"])


def _read_prompt(payload: dict[str, Any], messages: list[Any]) -> _Prompt:
    """Tools, then system, then messages (3 tokens more each), then 3 that open the answer."""
    prompt = _Prompt()
    for tool in payload.get("tools") or ():
        shown = {name: value for name, value in tool.items() if name != "cache_control"}
        prompt.add(split_tokens(orjson.dumps(shown).decode()), tool)
    system = payload.get("system")
    if isinstance(system, str):
        prompt.add(split_tokens(system), None)
    for block in system if isinstance(system, list) else ():
        if not isinstance(block, dict) or block.get("type") != "text":
            raise ProviderError(400, "system.0.type: Input should be 'text'")
        prompt.add(split_tokens(str(block.get("text"))), block)
    for index, message in enumerate(messages):
        _read_message(prompt, message, index)
    control = payload.get("cache_control")
    if isinstance(control, dict):  # automatic caching: the last block is the mark
        prompt.mark(control)
    prompt.tokens += ["<|start|>", "assistant", "<|message|>"]
    return prompt


def _read_message(prompt: _Prompt, message: Any, index: int) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("user", "assistant"):
        raise ProviderError(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
    head = ["<|start|>", str(role), "<|message|>"]
    content = message.get("content")
    if isinstance(content, str):
        if not content:
            raise ProviderError(400, f"messages.{index}: user messages must have non-empty content")
        prompt.add(head + split_tokens(content), None)
        return
    if not isinstance(content, list) or not content:
        raise ProviderError(400, f"messages.{index}.content: Input should be a valid list")
    for number, block in enumerate(content):
        tokens = _block_tokens(block, f"messages.{index}.content.{number}")
        prompt.add(head + tokens, block)
        head = []


def _block_tokens(block: Any, where: str) -> list[str]:
    kind = block.get("type") if isinstance(block, dict) else None
    match kind:
        case "text":
            if not isinstance(block.get("text"), str) or not block["text"]:
                raise ProviderError(400, f"{where}.text: text content blocks must be non-empty")
            return split_tokens(block["text"])
        case "image":
            return ["<|image|>"] * IMAGE_TOKENS
        case "document":
            return ["<|document|>"] * DOCUMENT_TOKENS
        case "tool_use":
            return split_tokens(f"{block.get('name')} {orjson.dumps(block.get('input')).decode()}")
        case "tool_result":
            return _result_tokens(block.get("content"), where)
        case "thinking" | "redacted_thinking":
            if kind == "thinking" and not isinstance(block.get("signature"), str):
                raise ProviderError(400, f"{where}.thinking.signature: Field required")
            return []
        case str():
            return split_tokens(orjson.dumps(block).decode())
    raise ProviderError(400, f"{where}.type: Field required")


def _result_tokens(content: Any, where: str) -> list[str]:
    if isinstance(content, str):
        return split_tokens(content)
    blocks = content if isinstance(content, list) else []
    return [token for block in blocks for token in _block_tokens(block, where)]


def _has_result(message: Any) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(_object(block).get("type") == "tool_result" for block in content)


def _last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, str):
            return content
        return " ".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return ""
