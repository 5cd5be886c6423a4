"""`Prompt` → Converse request."""

import re
from typing import Any

import orjson

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import Losses
from gateway.dataplane.formats.bedrock.reply import SIGNER
from gateway.dataplane.formats.budgets import budget_for
from gateway.dataplane.formats.ir import (
    Audio,
    Document,
    HostedTool,
    Image,
    Json,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)

IMAGE_FORMATS = ("png", "jpeg", "gif", "webp")
DOCUMENT_FORMATS = {
    "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc", "text/html": "html", "text/plain": "txt",
    "text/markdown": "md", "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
AUDIO_FORMATS = frozenset({"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "m4a", "mpeg", "mpga", "pcm", "webm"})
TIERS = {"standard": "default", "priority": "priority", "flex": "flex", "reserved": "reserved"}
DEFAULT_LIMIT = 4_096  # what a budget for thinking is a share of where the caller set no limit
NEUTRAL = {
    "n": 1, "seed": None, "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": None, "logprobs": False,
    "top_logprobs": 0, "verbosity": "medium", "cache_key": None, "parallel_tool_calls": True,
}  # fmt: skip
# Claude models before 4.6 think by budget only; see `formats.anthropic.writing`.
_BUDGETED = re.compile(r"claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[0-5])?(?:-\d{8}.*|-v\d.*)?$)")
_FAMILY = re.compile(r"(?:^|[./])(anthropic\.|amazon\.nova-2|amazon\.nova|openai\.)")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9\s()\[\]-]|\s{2,}")


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Fields of the body; the model and whether to stream stand in the path.

    The caller's `user` is not sent: it is the end user of the gateway's line. Raises `Unsupported`, or `Malformed` for
    arguments that are no object.
    """
    losses.drop_all(prompt, NEUTRAL)
    body: Json = {"messages": _messages(prompt.turns, losses)}
    if prompt.system:
        body["system"] = _blocks(prompt.system, losses)
    if config := _inference(prompt):
        body["inferenceConfig"] = config
    if prompt.metadata:
        body["requestMetadata"] = {name: str(value) for name, value in prompt.metadata.items()}
    if prompt.service_tier in TIERS:
        body["serviceTier"] = {"type": TIERS[prompt.service_tier]}
    elif prompt.service_tier not in (None, "auto"):
        losses.drop(prompt.called("service_tier"), f"the target has no service tier '{prompt.service_tier}'")
    _write_extras(body, prompt, losses)
    _write_tools(body, prompt, losses)
    _write_output(body, prompt, losses)
    return body


def family(model: str) -> str:
    """Whose model it is: "anthropic", "nova-2", "nova", "openai", or empty. Profiles and ARNs name it too."""
    match = _FAMILY.search(model)
    return match[1].rstrip(".").removeprefix("amazon.") if match else ""


def _inference(prompt: Prompt) -> Json:
    config: Json = {}
    if prompt.max_tokens is not None:
        config["maxTokens"] = prompt.max_tokens
    if prompt.temperature is not None:
        config["temperature"] = prompt.temperature
    if prompt.top_p is not None:
        config["topP"] = prompt.top_p
    if prompt.stop:
        config["stopSequences"] = prompt.stop
    return config


def _write_extras(body: Json, prompt: Prompt, losses: Losses) -> None:
    """What Converse does not know but passes on to the model, by the model's own words."""
    extras: Json = {}
    owner = family(prompt.model)
    if prompt.top_k is not None:
        if owner == "anthropic":
            extras["top_k"] = prompt.top_k
        elif owner.startswith("nova"):
            extras["inferenceConfig"] = {"topK": prompt.top_k}
        else:
            losses.drop(prompt.called("top_k"))
    if prompt.reasoning is not None:
        _write_reasoning(body, extras, prompt, prompt.reasoning, losses)
    if extras:
        body["additionalModelRequestFields"] = extras


def _write_reasoning(body: Json, extras: Json, prompt: Prompt, reasoning: Reasoning, losses: Losses) -> None:
    owner = family(prompt.model)
    if owner == "anthropic":
        _write_thinking(body, extras, prompt, reasoning, losses)
    elif owner == "nova-2" and reasoning.effort in ("low", "medium", "high"):
        extras["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": reasoning.effort}
    elif owner == "openai" and reasoning.effort in ("low", "medium", "high"):
        extras["reasoning_effort"] = reasoning.effort
    elif reasoning.mode != "off":
        losses.drop(prompt.called("reasoning"), "the target's model takes no such wish")


def _write_thinking(body: Json, extras: Json, prompt: Prompt, reasoning: Reasoning, losses: Losses) -> None:
    """Anthropic's own `thinking`; an effort is a budget for models before adaptive thinking."""
    name = prompt.model[prompt.model.find("claude-") :]
    thinking: dict[str, Any] = {}
    if reasoning.mode == "off":
        thinking = {"type": "disabled"}
    elif reasoning.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": reasoning.budget}
    elif reasoning.effort and _BUDGETED.match(name):
        config = body.setdefault("inferenceConfig", {})
        limit = config.setdefault("maxTokens", DEFAULT_LIMIT)
        budget = budget_for(reasoning.effort, limit, prompt, losses)
        if not budget:
            return
        thinking = {"type": "enabled", "budget_tokens": budget}
    elif reasoning.mode or reasoning.effort:
        thinking = {"type": "adaptive"}
    if reasoning.effort and thinking.get("type") == "adaptive":
        body["outputConfig"] = {"effort": "low" if reasoning.effort == "minimal" else reasoning.effort}
    if reasoning.shown and thinking.get("type") in ("enabled", "adaptive"):
        thinking["display"] = "omitted" if reasoning.shown == "omitted" else "summarized"
    if thinking:
        extras["thinking"] = thinking


# ---- messages --------------------------------------------------------------------------------------------------------
def _messages(turns: list[Turn], losses: Losses) -> list[Json]:
    """Speakers must alternate: turns of one speaker that follow each other are one message."""
    messages: list[Json] = []
    for turn in turns:
        if turn.name:
            losses.drop(f"{turn.at}.name")
        content = _blocks(turn.parts, losses)
        if messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += content
        elif content:
            messages.append({"role": turn.role, "content": content})
    return messages


def _blocks(parts: list[Part], losses: Losses) -> list[Json]:
    """Each part, and a cache point after those that are marked."""
    found: list[Json] = []
    for part in parts:
        block = None if _says_nothing(part) else _block(part, losses, len(found))
        if block is not None:
            found.append(block)
        elif not _says_nothing(part):
            losses.drop(part.at)
        if part.cache is not None:
            found.append(write_cache(part.cache))
    return found


def _says_nothing(part: Part) -> bool:
    """Empty text, and reasoning of this service that nobody signed: it cannot be given back, and is not needed."""
    if isinstance(part, Text):
        return not part.text
    return isinstance(part, Thinking) and part.vendor == SIGNER and not (part.signature or part.redacted)


def write_cache(lifetime: str) -> Json:
    return {"cachePoint": {"type": "default"} | ({"ttl": "1h"} if lifetime == "1h" else {})}


def _block(part: Part, losses: Losses, number: int) -> Json | None:
    """None for what has no counterpart."""
    match part:
        case Text():
            for name in part.extra:
                losses.drop(f"{part.at}.{name}")
            return {"text": part.text}
        case Refusal():
            return {"text": part.text}
        case ToolUse():
            given = checks.arguments(part.arguments, part.at)
            return {"toolUse": {"toolUseId": clean_id(part.id), "name": part.name, "input": given}}
        case ToolResult():
            return {"toolResult": _result(part, losses)}
        case Image():
            return _image(part, losses)
        case Audio():
            is_known = part.data and part.format in AUDIO_FORMATS
            return {"audio": {"format": part.format, "source": {"bytes": part.data}}} if is_known else None
        case Document():
            return _document(part, losses, number)
        case Thinking():
            return _thought(part)
    return None


def clean_id(identity: str) -> str:
    """Ids of tool calls have at most 64 characters of a few kinds here; other vendors use more."""
    return _NOT_IN_ID.sub("_", identity)[-64:]


def _thought(part: Thinking) -> Json | None:
    if part.vendor != SIGNER:
        return None
    if part.redacted:
        return {"reasoningContent": {"redactedContent": part.redacted}}
    if not part.signature:
        return None
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}


def _result(result: ToolResult, losses: Losses) -> Json:
    content: list[Json] = []
    for part in result.parts:
        block = _block(part, losses, len(content)) if isinstance(part, Text | Image | Document) else None
        if block is None:
            losses.drop(part.at, "the target takes texts, images and documents as results of tools")
        else:
            content.append(block)
        if part.cache is not None:
            losses.drop(f"{part.at}.cache_control", "the target takes no cache points inside results")
    found: Json = {"toolUseId": clean_id(result.id), "content": content}
    return found | ({"status": "error"} if result.is_error else {})


def _source(url: str, data: str) -> Json | None:
    """Bytes in base64, or an object of S3; the service fetches nothing else."""
    if data:
        return {"bytes": data}
    return {"s3Location": {"uri": url}} if url.startswith("s3://") else None


def _image(part: Image, losses: Losses) -> Json | None:
    if part.detail not in ("", "auto"):
        losses.drop(f"{part.at}.detail", "the target has no levels of detail")
    kind = part.media_type.removeprefix("image/") or part.url.rpartition(".")[2].lower()
    kind = "jpeg" if kind == "jpg" else kind
    source = _source(part.url, part.data)
    if source is None or kind not in IMAGE_FORMATS:
        losses.drop(part.at, "the target takes png, jpeg, gif and webp, as data or from s3://")
        return None
    return {"image": {"format": kind, "source": source}}


def _document(part: Document, losses: Losses, number: int) -> Json | None:
    extra = dict(part.extra)
    citations, context = extra.pop("citations", None), extra.pop("context", None)
    for name in extra:
        losses.drop(f"{part.at}.{name}")
    source = {"text": part.text} if part.text else _source(part.url, part.data)
    kind = "txt" if part.text else DOCUMENT_FORMATS.get(part.media_type)
    if source is None or kind is None:
        return None
    name = _NOT_IN_NAME.sub(" ", part.name).strip() or f"document {number + 1}"
    document: Json = {"format": kind, "name": name[:200], "source": source}
    if isinstance(context, str):
        document["context"] = context
    if isinstance(citations, dict):
        document["citations"] = citations
    return {"document": document}


# ---- tools and output ------------------------------------------------------------------------------------------------
def _write_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    choice = prompt.tool_choice
    allowed = set(choice.names) if choice is not None else set()
    tools: list[Json] = []
    for tool in prompt.tools:
        if isinstance(tool, HostedTool):
            losses.drop(tool.at, f"the target has no tool of type '{tool.kind}'")
        elif not allowed or tool.name in allowed:  # a subset to choose from is all that the model is shown
            tools += _tool(tool)
    if not tools:
        return
    if choice is not None and choice.mode == "none":
        if not _has_tool_blocks(body["messages"]):
            return  # a model that is shown no tools calls none
        losses.drop(prompt.called("tool_choice"), "the target cannot forbid tools in a conversation that has used them")
    body["toolConfig"] = {"tools": tools}
    if choice is not None and choice.mode in ("required", "one"):
        named = {"tool": {"name": choice.name}}
        body["toolConfig"]["toolChoice"] = named if choice.mode == "one" else {"any": {}}


def _has_tool_blocks(messages: list[Json]) -> bool:
    return any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"])


def _tool(tool: Tool) -> list[Json]:
    spec: Json = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    schema = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
    spec["inputSchema"] = {"json": schema}
    if tool.strict:
        spec["strict"] = True
    return [{"toolSpec": spec}, *([write_cache(tool.cache)] if tool.cache is not None else [])]


def _write_output(body: Json, prompt: Prompt, losses: Losses) -> None:
    output = prompt.output
    if output is None:
        return
    if output.kind != "schema" or output.schema is None:
        losses.drop(prompt.called("output"), "the target takes JSON answers by a schema only")
        return
    described: Json = {"schema": orjson.dumps(output.schema).decode()}
    if output.name:
        described["name"] = output.name
    if output.description:
        described["description"] = output.description
    body.setdefault("outputConfig", {})["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": described}}
