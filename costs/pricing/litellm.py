"""LiteLLM's public price file read into our own facts: which model costs what, in which context, above which prompt.

Source: `model_prices_and_context_window.json` of https://github.com/BerriAI/litellm (MIT, Copyright (c) 2023 Berri AI).
Only prices per unit are taken. What we read differently on purpose:

* a zero says nothing (the file writes it for "unknown" as well as for "free"), so it gives no rate, never a free model;
* a token above 0.002 USD is a slip of the unit (a price per 1,000), so it gives no rate: the dearest ever costs 0.0006;
* a model without any rate is left out, subscriptions (GitHub Copilot, ChatGPT) among them;
* xAI bills a prompt of exactly the threshold at the higher rate (its page says "≥ 200K", Google's "> 200K" and OpenAI's
  "> 272K"), so its bound is one token lower.

Facts: provider → model → context → ``meter`` or ``meter>tokens`` → Decimal per unit. The context is empty for the
standard price, else `key=value` as in `PriceBook.resolve`. The meter ``multiplier`` raises every rate of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Any, TypeAlias

from . import meters as m

Facts: TypeAlias = dict[str, dict[str, dict[str, dict[str, Decimal]]]]

MULTIPLIER = "multiplier"
ANY_REGION = "*"
INCLUSIVE = frozenset({"x-ai"})
"""Vendors that bill a prompt of exactly the threshold at the higher rate."""

PROVIDERS = {
    "azure_text": "azure", "bedrock": "aws", "bedrock_converse": "aws", "bedrock_mantle": "aws", "gemini": "google",
    "text-completion-openai": "openai", "cohere_chat": "cohere", "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks", "together_ai": "together", "xai": "x-ai", "moonshot": "moonshotai",
}  # fmt: skip
LEFT_OUT = frozenset({"github_copilot", "chatgpt", "microsoft_365_copilot", "ollama", "vercel_ai_gateway"})
"""Subscriptions, one's own machine, and a reseller that the other list knows better."""

_PER_TOKEN = {
    "input_cost_per_token": m.INPUT,
    "cache_read_input_token_cost": m.CACHE_READ,
    "cache_creation_input_token_cost": m.CACHE_WRITE_5M,
    "cache_creation_input_token_cost_above_1hr": m.CACHE_WRITE_1H,
    "input_cost_per_audio_token": m.AUDIO_INPUT,
    "input_cost_per_image_token": m.IMAGE_INPUT,
    "output_cost_per_token": m.OUTPUT,
    "output_cost_per_reasoning_token": m.REASONING,
    "output_cost_per_audio_token": m.AUDIO_OUTPUT,
    "output_cost_per_image_token": m.IMAGE_OUTPUT,
}
_PER_UNIT = {"input_cost_per_request": m.REQUEST}
_BY_MODE = {
    ("image_generation", "output_cost_per_image"): m.IMAGE,
    ("image_edit", "output_cost_per_image"): m.IMAGE,
    ("audio_speech", "input_cost_per_character"): m.CHARACTER,
    ("audio_transcription", "input_cost_per_second"): m.AUDIO_SECOND,
    ("rerank", "input_cost_per_query"): m.REQUEST,
}
_CONTEXTS = {
    "": "", "batches": "processing=batch", "flex": "service_tier=flex", "priority": "service_tier=priority",
    "ultrafast": "speed=ultrafast",
}  # fmt: skip
_TIERED = re.compile(
    r"^(?P<key>.+?)(?:_above_(?P<tokens>\d+)k_tokens)?(?:_(?P<context>batches|flex|priority|ultrafast))?$"
)
_UPLIFT = re.compile(r"^regional_processing_uplift_multiplier_(?P<region>[a-z]+)$")
_REGION = re.compile(r"^(?:[a-z]{2}(?:-gov|-iso)?(?:-[a-z]+-\d)?|us-gov)$")
DEAREST_TOKEN = Decimal("0.002")
_TOKENS = frozenset(m.TOKEN_METERS)
_SIGNIFICANT = Context(prec=12)
"""The file's longest prices are quotients (a price per second of a price per minute): 12 digits hold what is meant."""


def convert(document: Mapping[str, Any]) -> Facts:
    """The facts in LiteLLM's file. ``document``: its JSON with decimals read as Decimal. Entries that are no prices are
    skipped; of two names for one model the first wins, the vendor's own API before a cloud that serves it."""
    facts: Facts = {}
    for name, entry in sorted(document.items(), key=lambda item: _rank(item[1])):
        if name == "sample_spec" or not isinstance(entry, Mapping):
            continue
        provider = _provider(entry)
        if not provider or provider in LEFT_OUT:
            continue
        region, model = _model(name, str(entry.get("litellm_provider")))
        if not model:
            continue
        for context, meter, amount in _prices(entry, provider):
            where = ",".join(part for part in (f"region={region}" if region else "", context) if part)
            facts.setdefault(provider, {}).setdefault(model, {}).setdefault(where, {}).setdefault(meter, amount)
    return facts


def _rank(entry: Any) -> int:
    """A vendor's own API first, Google's two platforms after it."""
    provider = str(entry.get("litellm_provider")) if isinstance(entry, Mapping) else ""
    return 1 if provider.startswith("vertex_ai") else 0


def _provider(entry: Mapping[str, Any]) -> str:
    name = str(entry.get("litellm_provider") or "").lower()
    if name.startswith("vertex_ai"):
        return "google"
    return PROVIDERS.get(name, name)


def _model(name: str, provider: str) -> tuple[str, str]:
    """Region (empty: the standard price) and the model's own name; no name for prices of one image size or quality."""
    parts = name.lower().split("/")
    if len(parts) > 1 and parts[0] in (provider, provider.split("-")[0], "bedrock", "vertex_ai", "azure", "gemini"):
        parts = parts[1:]
    if len(parts) > 1 and provider.startswith("azure") and parts[0] in ("global", "global-standard"):
        parts = parts[1:]
    region = parts.pop(0) if len(parts) > 1 and _REGION.match(parts[0]) and _is_cloud(provider) else ""
    is_sized = any(re.match(r"^\d+-x-\d+$", part) or part.endswith("-commitment") for part in parts)
    return region, "" if is_sized else "/".join(parts)


def _is_cloud(provider: str) -> bool:
    return provider.startswith(("azure", "bedrock", "vertex_ai"))


def _prices(entry: Mapping[str, Any], provider: str) -> Iterator[tuple[str, str, Decimal]]:
    mode = str(entry.get("mode") or "")
    for key, value in entry.items():
        if uplift := _UPLIFT.match(key):
            yield from _stated(f"region={uplift['region']}", MULTIPLIER, value)
        elif key == "regional_endpoint_uplift_multiplier":
            yield from _stated(f"region={ANY_REGION}", MULTIPLIER, value)
        elif key == "provider_specific_entry" and provider == "anthropic" and isinstance(value, Mapping):
            yield from _stated("region=us", MULTIPLIER, value.get("us"))
            yield from _stated("speed=fast", MULTIPLIER, value.get("fast"))
        elif key == "tiered_pricing" and isinstance(value, list):
            yield from _ranges(value)
        elif key in _PER_UNIT:
            yield from _stated("", _PER_UNIT[key], value)
        elif (mode, key) in _BY_MODE:
            yield from _stated("", _BY_MODE[mode, key], value)
        elif (found := _TIERED.match(key)) and found["key"] in _PER_TOKEN:
            context, above = _CONTEXTS[found["context"] or ""], _bound(found["tokens"], provider)
            yield from _stated(context, _PER_TOKEN[found["key"]] + above, value)
    yield from _searches(entry.get("search_context_cost_per_query"))


def _bound(thousands: str | None, provider: str) -> str:
    if thousands is None:
        return ""
    return f">{int(thousands) * 1000 - (provider in INCLUSIVE)}"


def _ranges(tiers: list[Any]) -> Iterator[tuple[str, str, Decimal]]:
    """Alibaba's price by length of the prompt: `range` is (more than, up to)."""
    for tier in tiers:
        if isinstance(tier, Mapping) and isinstance(bounds := tier.get("range"), list) and bounds:
            above = f">{int(bounds[0])}" if bounds[0] else ""
            for key, value in tier.items():
                if key in _PER_TOKEN:
                    yield from _stated("", _PER_TOKEN[key] + above, value)


def _searches(sizes: Any) -> Iterator[tuple[str, str, Decimal]]:
    """One price of a search, where it does not depend on how much is read: usage does not say that."""
    if isinstance(sizes, Mapping) and len(set(sizes.values())) == 1:
        yield from _stated("", m.WEB_SEARCH, next(iter(sizes.values())))


def _stated(context: str, meter: str, value: Any) -> Iterator[tuple[str, str, Decimal]]:
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or value <= 0:
        return
    if meter.partition(">")[0] not in _TOKENS or value <= DEAREST_TOKEN:
        yield context, meter, _SIGNIFICANT.plus(Decimal(value)).normalize()
