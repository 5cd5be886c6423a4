"""What the ledger's meters are in FOCUS: names, units, token properties; and whose model a name is. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal

from costs.pricing import meters as m

MILLION, MINUTE, ONE = Decimal(1_000_000), Decimal(60), Decimal(1)


@dataclass(frozen=True, slots=True)
class FocusMeter:
    """`size`: how many consumed units are one pricing unit. `direction`, `action`: the 1.5 draft's token properties."""

    label: str
    consumed: str
    priced: str
    size: Decimal = ONE
    direction: str = ""
    action: str = ""


def _input(label: str, action: str = "Uncached") -> FocusMeter:
    return FocusMeter(label, "Tokens", "1000000 Tokens", MILLION, "Input", action)


def _output(label: str) -> FocusMeter:
    return FocusMeter(label, "Tokens", "1000000 Tokens", MILLION, "Output")


METERS = {
    m.INPUT: _input("Input Tokens"),
    m.CACHE_READ: _input("Cache Read Input Tokens", "Read"),
    m.CACHE_WRITE_5M: _input("Cache Write Input Tokens, 5 Minutes", "Write"),
    m.CACHE_WRITE_1H: _input("Cache Write Input Tokens, 1 Hour", "Write"),
    m.AUDIO_INPUT: _input("Audio Input Tokens"),
    m.IMAGE_INPUT: _input("Image Input Tokens"),
    m.OUTPUT: _output("Output Tokens"),
    m.REASONING: _output("Reasoning Output Tokens"),
    m.AUDIO_OUTPUT: _output("Audio Output Tokens"),
    m.IMAGE_OUTPUT: _output("Image Output Tokens"),
    m.REQUEST: FocusMeter("Requests", "Requests", "Requests"),
    m.IMAGE: FocusMeter("Images", "Images", "Images"),
    m.CHARACTER: FocusMeter("Characters", "Characters", "1000000 Characters", MILLION),
    m.AUDIO_SECOND: FocusMeter("Audio Duration", "Seconds", "Minutes", MINUTE),
    m.TOOL_CALL: FocusMeter("Tool Calls", "Calls", "Calls"),
    m.WEB_SEARCH: FocusMeter("Web Searches", "Searches", "Searches"),
    "training": FocusMeter("Training Tokens", "Tokens", "1000000 Tokens", MILLION, "Input"),
    "training_hour": FocusMeter("Training Duration", "Hours", "Hours"),
    "hosting": FocusMeter("Hosting Duration", "Hours", "Hours"),
    "stated": FocusMeter("Stated Cost", "Units", "Units"),
}
"""`stated`: an import's cost that its file does not split; a unit is one unit of money."""
_FAMILIES = (
    ("gpt", "OpenAI", "GPT"), ("chatgpt", "OpenAI", "GPT"), ("o1", "OpenAI", "o-series"), ("o3", "OpenAI", "o-series"),
    ("o4", "OpenAI", "o-series"), ("text-embedding", "OpenAI", "Embeddings"), ("whisper", "OpenAI", "Whisper"),
    ("dall-e", "OpenAI", "DALL-E"), ("tts", "OpenAI", "TTS"), ("claude", "Anthropic", "Claude"),
    ("gemini", "Google", "Gemini"), ("gemma", "Google", "Gemma"), ("mistral", "Mistral AI", "Mistral"),
    ("mixtral", "Mistral AI", "Mixtral"), ("ministral", "Mistral AI", "Ministral"),
    ("codestral", "Mistral AI", "Codestral"), ("llama", "Meta", "Llama"), ("deepseek", "DeepSeek", "DeepSeek"),
    ("grok", "xAI", "Grok"), ("command", "Cohere", "Command"), ("qwen", "Alibaba", "Qwen"), ("phi", "Microsoft", "Phi"),
    ("nova", "Amazon", "Nova"), ("titan", "Amazon", "Titan"),
)  # fmt: skip
_DATED = re.compile(r"(?<!\d)(20\d{2}-?[01]\d-?[0-3]\d)(?!\d)")


def meter_of(name: str) -> FocusMeter:
    """A meter that is not known is counted in units, under its own name."""
    return METERS.get(name) or FocusMeter(name.replace("_", " ").capitalize() or "Units", "Units", "Units")


def identity(model: str) -> dict[str, str]:
    """ModelId, and developer, family and dated version where the name tells them; nothing is guessed otherwise."""
    found = {"ModelId": model}
    last = model.lower().replace(".", "/").split("/")
    for prefix, developer, family in _FAMILIES:
        if any(part == prefix or part.startswith((f"{prefix}-", f"{prefix}_")) for part in last) or (
            last[-1].startswith(prefix) and last[-1][len(prefix) : len(prefix) + 1].isdigit()
        ):
            found |= {"ModelDeveloper": developer, "ModelFamily": family}
            break
    if dated := _DATED.search(model):
        found["ModelVersion"] = dated[1]
    return found
