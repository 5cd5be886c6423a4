"""`Prompt` → generateContent request."""

import mimetypes
import re
from typing import Any

from gateway.dataplane.formats import checks
from gateway.dataplane.formats.base import Losses, Malformed
from gateway.dataplane.formats.gemini.reply import HOME
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
)

# Calls that another model made, or whose signature the caller lost: "Thought signatures", section "FAQ", names this
# text for histories that Gemini did not write itself.
NO_SIGNATURE = "skip_thought_signature_validator"
# "OpenAI compatibility", section "Thinking": what an effort means where only budgets are known.
BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
MAX_STOPS = 5
_GENERATION = re.compile(r"(?:models/)?gemini-(\d+)")
NEUTRAL = {
    "logit_bias": None, "verbosity": "medium", "metadata": None, "cache_key": None, "parallel_tool_calls": True,
}  # fmt: skip
SAMPLING = {
    "max_tokens": "maxOutputTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed",
    "n": "candidateCount", "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs", "top_logprobs": "logprobs",
}  # fmt: skip


def write_request(prompt: Prompt, losses: Losses) -> Json:
    """Fields of the body; the model and whether to stream stand in the path.

    The caller's `user` is not sent: it is the end user of the gateway's line. Raises `Unsupported`, or `Malformed` for
    a tool result that answers no call.
    """
    losses.drop_all(prompt, NEUTRAL)
    if prompt.service_tier not in (None, "auto", "standard"):
        losses.drop(
            prompt.called("service_tier"), "the target's answers do not say which service tier they are billed at"
        )
    body: Json = {}
    if prompt.system:
        body["systemInstruction"] = {"parts": _parts(prompt.system, {}, losses)}
    body["contents"] = _contents(prompt, losses)
    config = _config(prompt, losses)
    if config:
        body["generationConfig"] = config
    _write_tools(body, prompt, losses)
    return body


def generation(model: str) -> int:
    """2 for gemini-2.5-flash, 3 for gemini-3-pro; 0 for names that do not say."""
    match = _GENERATION.match(model)
    return int(match[1]) if match else 0


# ---- contents --------------------------------------------------------------------------------------------------------
def _contents(prompt: Prompt, losses: Losses) -> list[Json]:
    """Turns in order; those of one speaker that follow each other are one content, as the vendor answers calls."""
    names: dict[str, str] = {}
    contents: list[Json] = []
    needs_signature = generation(prompt.model) >= 3
    for turn in prompt.turns:
        if turn.role == "system":
            losses.drop(turn.at, "the target takes instructions at the beginning only")
            continue
        if turn.name:
            losses.drop(f"{turn.at}.name")
        role = "model" if turn.role == "assistant" else "user"
        parts = _parts(turn.parts, names, losses)
        if role == "model" and needs_signature:
            _sign_first_call(parts)
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": role, "parts": parts})
    return contents


def _sign_first_call(parts: list[Json]) -> None:
    """The first of a turn's calls must be signed, the others need not be."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", NO_SIGNATURE)


def _parts(parts: list[Part], names: dict[str, str], losses: Losses) -> list[Json]:
    """`names` collects the function of each call, by the call's id: results must repeat it."""
    found: list[Json] = []
    signature = ""
    for part in parts:
        if isinstance(part, Thinking) and part.redacted and part.vendor == HOME:
            signature = part.redacted  # a signature on its way through another format: it belongs to the next part
            continue
        if isinstance(part, Text) and not part.text:
            continue
        written = _part(part, names, losses)
        if written is None:
            losses.drop(part.at)
            continue
        if part.cache is not None:
            losses.drop(f"{part.at}.cache_control", "the target caches by itself and takes no marks")
        if signature:
            written["thoughtSignature"] = signature
            signature = ""
        found.append(written)
    if signature:
        found.append({"text": "", "thoughtSignature": signature})
    return found


def _part(part: Part, names: dict[str, str], losses: Losses) -> Json | None:
    """None for what has no counterpart."""
    match part:
        case Text():
            for name in part.extra:
                losses.drop(f"{part.at}.{name}")
            return {"text": part.text}
        case Refusal():
            return {"text": part.text}
        case ToolUse():
            return _call(part, names)
        case ToolResult():
            return {"functionResponse": _result(part, names, losses)}
        case Image():
            if part.detail not in ("", "auto"):
                losses.drop(f"{part.at}.detail", "the target has no levels of detail")
            return _file(part.url, part.data, part.media_type, "image/jpeg")
        case Audio():
            return {"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}} if part.data else None
        case Document():
            return _document(part, losses)
        case Thinking() if part.text and part.vendor in (HOME, ""):  # nobody's: unsigned, as this vendor's own may be
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return {"text": part.text, "thought": True, **signed}
    return None


def _call(part: ToolUse, names: dict[str, str]) -> Json:
    names[part.id] = part.name
    call: Json = {"name": part.name, "args": checks.arguments(part.arguments, part.at)}
    if part.id:
        call["id"] = part.id
    signed = {"thoughtSignature": part.signature} if part.signature and part.vendor == HOME else {}
    return {"functionCall": call, **signed}


def _result(result: ToolResult, names: dict[str, str], losses: Losses) -> Json:
    """`output` and `error` are the keys that the vendor knows in a response; pictures stand beside it."""
    name = result.name or names.get(result.id)
    if not name:
        raise Malformed(result.at, "answers no tool call of this conversation")
    texts: list[str] = []
    pictures: list[Json] = []
    for part in result.parts:
        written = _part(part, names, losses)
        if part.cache is not None:
            losses.drop(f"{part.at}.cache_control", "the target caches by itself and takes no marks")
        if isinstance(part, Text):
            texts.append(part.text)
        elif written is not None and "inlineData" in written:
            pictures.append(written)
        else:
            losses.drop(part.at, "the target takes texts and inline files as results of tools")
    if result.cache is not None:
        losses.drop(f"{result.at}.cache_control", "the target caches by itself and takes no marks")
    response: Json = {"name": name, "response": {"error" if result.is_error else "output": "".join(texts)}}
    if result.id:
        response["id"] = result.id
    return response | ({"parts": pictures} if pictures else {})


def _file(url: str, data: str, media_type: str, default: str) -> Json | None:
    """Inline data, or a URI that the vendor fetches; its type is guessed from the name where the caller gave none."""
    if data:
        return {"inlineData": {"mimeType": media_type or default, "data": data}}
    if not url:
        return None
    kind = media_type or mimetypes.guess_type(url.partition("?")[0])[0] or default
    return {"fileData": {"mimeType": kind, "fileUri": url}}


def _document(part: Document, losses: Losses) -> Json | None:
    for name in part.extra:
        losses.drop(f"{part.at}.{name}")
    if part.text:
        return {"text": part.text}
    return _file(part.url, part.data, part.media_type, "application/pdf")


# ---- configuration ---------------------------------------------------------------------------------------------------
def _config(prompt: Prompt, losses: Losses) -> Json:
    config: Json = {}
    for name, theirs in SAMPLING.items():
        value = getattr(prompt, name)
        if value is not None and value is not False:
            config[theirs] = value
    if prompt.stop:
        if len(prompt.stop) > MAX_STOPS:
            losses.drop(prompt.called("stop"), f"the target takes at most {MAX_STOPS} stop sequences")
        config["stopSequences"] = prompt.stop[:MAX_STOPS]
    if prompt.reasoning is not None and (thinking := _thinking(prompt.reasoning, prompt, losses)):
        config["thinkingConfig"] = thinking
    _write_output(config, prompt, losses)
    return config


def _thinking(reasoning: Reasoning, prompt: Prompt, losses: Losses) -> Json:
    """Budgets stay budgets; efforts are levels from Gemini 3 on and budgets before."""
    thinking: dict[str, Any] = {}
    if reasoning.mode == "off" or reasoning.effort == "none":
        thinking["thinkingBudget"] = 0
    elif reasoning.budget is not None:
        thinking["thinkingBudget"] = reasoning.budget
    elif reasoning.effort and reasoning.effort not in LEVELS:
        losses.drop(
            prompt.called("reasoning"), f"the target knows no effort '{reasoning.effort}'; it has {', '.join(LEVELS)}"
        )
    elif reasoning.effort and generation(prompt.model) >= 3:
        thinking["thinkingLevel"] = LEVELS[reasoning.effort]
    elif reasoning.effort:
        thinking["thinkingBudget"] = BUDGETS.get(reasoning.effort, BUDGETS["high"])
    elif reasoning.mode == "adaptive":
        thinking["thinkingBudget"] = -1
    if _shows_thoughts(reasoning) and thinking.get("thinkingBudget") != 0:
        thinking["includeThoughts"] = True
    return thinking


def _shows_thoughts(reasoning: Reasoning) -> bool:
    """Anthropic's callers are shown what they ask for, unless they say otherwise; OpenAI's only when they say so."""
    if reasoning.shown:
        return reasoning.shown != "omitted"
    return reasoning.mode == "adaptive" or (reasoning.mode == "on" and reasoning.budget is not None)


def _write_output(config: Json, prompt: Prompt, losses: Losses) -> None:
    output = prompt.output
    if output is None:
        return
    if prompt.tools and generation(prompt.model) in (1, 2):
        losses.drop(prompt.called("output"), "models before Gemini 3 do not combine JSON answers with tools")
        return
    config["responseMimeType"] = "application/json"
    if output.kind == "schema" and output.schema is not None:
        schema = output.schema
        if output.description and "description" not in schema:
            schema = {"description": output.description, **schema}
        config["responseJsonSchema"] = schema


# ---- tools -----------------------------------------------------------------------------------------------------------
def _write_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    choice = prompt.tool_choice
    allowed = set(choice.names) if choice is not None and choice.mode == "auto" else set()
    tools: list[Json] = []
    is_strict = False
    for tool in prompt.tools:
        if isinstance(tool, HostedTool):
            losses.drop(tool.at, f"the target has no tool of type '{tool.kind}'")
        elif not allowed or tool.name in allowed:  # a subset to choose from is all that the model is shown
            tools.append(_tool(tool, losses))
            is_strict = is_strict or bool(tool.strict)
    if not tools:
        return
    body["tools"] = [{"functionDeclarations": tools}]
    calling: Json = {}
    if choice is not None and choice.mode != "auto":
        calling["mode"] = "NONE" if choice.mode == "none" else "ANY"
        names = [choice.name] if choice.mode == "one" else list(choice.names)
        if names and choice.mode != "none":
            calling["allowedFunctionNames"] = names
    elif is_strict:
        calling["mode"] = "VALIDATED"  # calls are kept to their schemas, and texts are still possible
    if calling:
        body["toolConfig"] = {"functionCallingConfig": calling}


def _tool(tool: Tool, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.drop(f"{tool.at}.cache_control", "the target caches by itself and takes no marks")
    declaration: Json = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.schema is not None:
        declaration["parametersJsonSchema"] = tool.schema
    return declaration
