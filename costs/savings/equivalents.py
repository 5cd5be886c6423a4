"""Which models can stand in for which: facts of catalogues, each with its source. Pure data.

Names are the price list's: what a card of `costs.pricing` says its provider and model are, whatever alias or dated name
a line has. Every name here must have a price (a test sees to it).
"""

from collections.abc import Mapping
from dataclasses import dataclass

ALL = frozenset({"chat", "tools", "vision"})
THINKS = ALL | {"reasoning"}


@dataclass(frozen=True, slots=True)
class Known:
    """What the vendor's page says of a model."""

    context_tokens: int
    max_output_tokens: int
    capabilities: frozenset[str]


OPENAI = "https://developers.openai.com/api/docs/models"
ANTHROPIC = "https://platform.claude.com/docs/en/about-claude/models/overview"
GOOGLE = "https://ai.google.dev/gemini-api/docs/models"
SOURCES: Mapping[str, str] = {"openai": OPENAI, "anthropic": ANTHROPIC, "google": GOOGLE}

FACTS: Mapping[tuple[str, str], Known] = {
    ("openai", "gpt-5.4-mini"): Known(400_000, 128_000, THINKS),
    ("openai", "gpt-5.4-nano"): Known(400_000, 128_000, THINKS),
    ("openai", "gpt-5-mini"): Known(400_000, 128_000, THINKS),
    ("openai", "gpt-5-nano"): Known(400_000, 128_000, THINKS),
    ("openai", "gpt-4.1-mini"): Known(1_047_576, 32_768, ALL),
    ("openai", "gpt-4.1-nano"): Known(1_047_576, 32_768, ALL),
    ("openai", "gpt-4o-mini"): Known(128_000, 16_384, ALL),
    ("openai", "o4-mini"): Known(200_000, 100_000, THINKS),
    ("anthropic", "claude-sonnet-4-5"): Known(200_000, 64_000, THINKS),
    ("anthropic", "claude-sonnet-4-6"): Known(200_000, 64_000, THINKS),
    ("anthropic", "claude-haiku-4-5"): Known(200_000, 64_000, THINKS),
    ("anthropic", "claude-sonnet-5-5"): Known(200_000, 64_000, THINKS),
    ("anthropic", "claude-haiku-5-5"): Known(200_000, 64_000, THINKS),
    ("google", "gemini-2.5-flash"): Known(1_048_576, 65_536, THINKS),
    ("google", "gemini-2.5-flash-lite"): Known(1_048_576, 65_536, THINKS),
    ("google", "gemini-2.0-flash-lite"): Known(1_048_576, 8_192, ALL - {"tools"}),
}

_LINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("openai", ("gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano")),
    ("openai", ("gpt-5", "gpt-5-mini", "gpt-5-nano")),
    ("openai", ("gpt-5.1", "gpt-5-mini", "gpt-5-nano")),
    ("openai", ("gpt-5.2", "gpt-5-mini", "gpt-5-nano")),
    ("openai", ("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano")),
    ("openai", ("gpt-4o", "gpt-4o-mini")),
    ("openai", ("o3", "o4-mini")),
    ("anthropic", ("claude-opus-4-0", "claude-sonnet-4-5", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5")),
    ("anthropic", ("claude-opus-5", "claude-sonnet-5-5", "claude-haiku-5-5")),
    ("anthropic", ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")),
    ("anthropic", ("claude-sonnet-4-0", "claude-haiku-4-5")),
    ("anthropic", ("claude-sonnet-4-6", "claude-haiku-4-5")),
    ("anthropic", ("claude-sonnet-5", "claude-haiku-5-5")),
    ("google", ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite")),
    ("google", ("gemini-2.0-flash", "gemini-2.0-flash-lite")),
)
"""Vendor, then a line of the family from the large to the small."""


def _siblings() -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for vendor, line in _LINES:
        for index, model in enumerate(line[:-1]):
            found.setdefault((vendor, model), line[index + 1 :])
    return found


SMALLER: Mapping[tuple[str, str], tuple[str, ...]] = _siblings()
"""(vendor, model) → smaller models of its family, the nearest first."""

HOSTS: Mapping[str, Mapping[str, str]] = {
    "llama-3.3-70b": {
        "groq": "llama-3.3-70b-versatile", "cerebras": "llama-3.3-70b", "aws": "meta.llama3-3-70b-instruct-v1:0",
        "novita": "meta-llama/llama-3.3-70b-instruct", "avian": "Meta-Llama-3.3-70B-Instruct",
    },
    "llama-3.1-8b": {
        "groq": "llama-3.1-8b-instant", "cerebras": "llama3.1-8b", "aws": "meta.llama3-1-8b-instruct-v1:0",
        "fireworks": "accounts/fireworks/models/llama-v3p1-8b-instruct", "novita": "meta-llama/llama-3.1-8b-instruct",
    },
    "llama-4-maverick": {
        "groq": "meta-llama/llama-4-maverick-17b-128e-instruct", "aws": "meta.llama4-maverick-17b-instruct-v1:0",
    },
    "gpt-oss-120b": {
        "groq": "openai/gpt-oss-120b", "cerebras": "gpt-oss-120b", "together": "openai/gpt-oss-120b",
        "fireworks": "gpt-oss-120b", "novita": "openai/gpt-oss-120b",
    },
    "gpt-oss-20b": {"groq": "openai/gpt-oss-20b", "fireworks": "gpt-oss-20b"},
    "qwen3-32b": {"groq": "qwen/qwen3-32b", "cerebras": "qwen-3-32b"},
    "deepseek-v3.2": {
        "deepseek": "deepseek-v3.2", "fireworks": "accounts/fireworks/models/deepseek-v3p2",
        "avian": "deepseek/deepseek-v3.2",
    },
    "deepseek-r1": {"aws": "deepseek.r1-v1:0", "novita": "deepseek/deepseek-r1"},
    "kimi-k2-instruct": {"groq": "moonshotai/kimi-k2-instruct", "novita": "moonshotai/kimi-k2-instruct"},
    "kimi-k3": {"together": "moonshotai/Kimi-K3", "fireworks": "kimi-k3", "novita": "moonshotai/kimi-k3",
                "avian": "moonshotai/kimi-k3"},
}  # fmt: skip
"""Weights that are open, by price list and the name there. Hosts that serve them quantised under a name of its own
("Turbo", "Lite", "FP8") are left out: that is another model. Each vendor's model list, as in the price list's data."""

IDENTITY: Mapping[tuple[str, str], str] = {
    (price_list, name): weights for weights, hosts in HOSTS.items() for price_list, name in hosts.items()
}
RESOLD: Mapping[str, frozenset[str]] = {"openai": frozenset({"azure"}), "azure": frozenset({"openai"})}
"""Price lists under which the very same model is sold by the same name."""
