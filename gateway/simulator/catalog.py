"""The models the simulator offers, with the figures its delays and answer lengths are drawn from.

Names and context windows are the vendors' public ones. The latency and length figures are modelling choices in
the range users see in practice, not measurements of any vendor; `docs/simulated-provider.md` explains them.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["chat", "embedding"]


@dataclass(frozen=True, slots=True)
class SimModel:
    """One model. Times are milliseconds, rates tokens per second, `created` is a Unix time.

    `output_median` and `reasoning_median` are medians of the lognormal token counts of one answer;
    `dimensions` is the full width of an embedding (0 for chat models).
    """

    name: str
    vendor: str
    context_tokens: int
    max_output_tokens: int = 16_384
    ttft_ms: float = 400
    tokens_per_s: float = 80
    output_median: float = 180
    reasoning_median: float = 0
    dimensions: int = 0
    kind: Kind = "chat"
    created: int = 1_735_689_600


CATALOG: dict[str, SimModel] = {
    model.name: model
    for model in (
        SimModel("gpt-4o", "openai", 128_000, 16_384, 420, 85, 190, created=1_715_367_049),
        SimModel("gpt-4o-mini", "openai", 128_000, 16_384, 330, 110, 160, created=1_721_172_741),
        SimModel("gpt-4.1", "openai", 1_047_576, 32_768, 450, 90, 200, created=1_744_316_542),
        SimModel("gpt-4.1-mini", "openai", 1_047_576, 32_768, 340, 120, 170, created=1_744_318_173),
        SimModel("gpt-5-mini", "openai", 400_000, 128_000, 480, 120, 210, 260, created=1_754_425_928),
        SimModel("gpt-5.4", "openai", 1_050_000, 128_000, 620, 75, 260, 420),
        SimModel("gpt-5.4-mini", "openai", 400_000, 128_000, 420, 140, 210, 240),
        SimModel("o4-mini", "openai", 200_000, 100_000, 650, 110, 230, 520, created=1_744_225_308),
        SimModel("claude-haiku-4-5", "anthropic", 200_000, 64_000, 380, 130, 190),
        SimModel("claude-sonnet-4-5", "anthropic", 200_000, 64_000, 700, 70, 260),
        SimModel("claude-sonnet-5-5", "anthropic", 1_000_000, 64_000, 720, 75, 270),
        SimModel("claude-opus-5-5", "anthropic", 1_000_000, 64_000, 1_100, 55, 300),
        SimModel("gemini-2.5-flash", "google", 1_048_576, 65_536, 350, 170, 220),
        SimModel("gemini-3.8-flash", "google", 1_000_000, 65_536, 340, 180, 220),
        SimModel("mistral-large-2512", "mistralai", 262_144, 16_384, 480, 60, 210),
        SimModel("mistral-small-latest", "mistralai", 128_000, 16_384, 260, 120, 160),
        SimModel("llama-3.3-70b-versatile", "meta", 131_072, 32_768, 220, 240, 180),
        SimModel("meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta", 131_072, 16_384, 300, 110, 180),
        SimModel("text-embedding-3-small", "openai", 8_192, 0, 90, 0, 0, 0, 1_536, "embedding", 1_705_948_997),
        SimModel("text-embedding-3-large", "openai", 8_192, 0, 140, 0, 0, 0, 3_072, "embedding", 1_705_953_180),
        SimModel("gemini-embedding-001", "google", 2_048, 0, 120, 0, 0, 0, 3_072, "embedding"),
        SimModel("text-embedding-ada-002", "openai", 8_192, 0, 100, 0, 0, 0, 1_536, "embedding", 1_671_217_299),
    )
}

_CHAT_DEFAULT = SimModel("sim-chat", "simulator", 1_000_000, 128_000)
_EMBEDDING_DEFAULT = SimModel("sim-embedding", "simulator", 8_192, 0, 90, 0, 0, 0, 1_536, "embedding")
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_REASONING_NAME = re.compile(r"^(o\d|gpt-[5-9]|sim-reasoning)")


def _base_of(name: str) -> str:
    """The undated base of a tuned model's name; empty for other names."""
    if name.startswith("ft:"):
        return _DATE.sub("", name[3:].partition(":")[0])
    base, marked, _ = name.partition(".ft-")
    return _DATE.sub("", base) if marked else ""


def find_model(name: str, *, any_model: bool) -> SimModel | None:
    """The model called `name`; `None` when it is neither in the catalogue nor accepted as a simulator name.

    Names that start with `sim-` always exist; a name with `embed` in it is an embedding model, one that starts
    with `sim-reasoning` (or reads like OpenAI's o-series or gpt-5 and later) spends reasoning tokens. Tuned models
    (`ft:<base>:…`, Azure's `<base>.ft-…`) answer like their base.
    """
    if model := CATALOG.get(name) or CATALOG.get(_base_of(name)):
        return model if model.name == name else replace(model, name=name)
    if not (any_model or name.startswith("sim-")):
        return None
    if "embed" in name:
        return replace(_EMBEDDING_DEFAULT, name=name)
    reasoning = 300 if _REASONING_NAME.match(name) else 0
    return replace(_CHAT_DEFAULT, name=name, reasoning_median=reasoning)
