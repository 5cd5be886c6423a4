"""Names that other systems use, as the ledger has them: vendors, ways a call ended, paths, tags."""

from collections.abc import Mapping
from typing import Any

from gateway.choices import LineStatus
from gateway.imports.records import MAX_TEXT

PROVIDERS = {
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azureopenai": "azure",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gemini": "google",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "google_ai_studio": "google",
    "google_genai": "google",
    "vertex": "google",
    "vertexai": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "hosted_vllm": "vllm",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "ollama_chat": "ollama",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "togetherai": "together",
    "xai": "x-ai",
    "x_ai": "x-ai",
}
VENDORS = frozenset(PROVIDERS) | frozenset(PROVIDERS.values()) | frozenset({
    "anthropic", "cohere", "deepseek", "groq", "huggingface", "ollama", "openai", "openrouter", "perplexity", "vllm",
})  # fmt: skip
MAX_TAGS = 20
TIMEOUTS = frozenset({408, 504})


def provider(name: str | None) -> str | None:
    """A vendor's name as the gateway's catalogue and price list have it; unknown ones in lower case."""
    if not name or not name.strip():
        return None
    lower = name.strip().lower()
    return PROVIDERS.get(lower, lower)


def split_model(model: str | None, vendor: str | None = None) -> tuple[str | None, str | None]:
    """Model and vendor of `openai/gpt-4o`: the prefix is taken off when it is the vendor's name, or a known vendor's
    while none is given. `meta-llama/Llama-3` stays whole."""
    prefix, _, rest = (model or "").partition("/")
    if rest and (prefix.lower() == vendor.lower() if vendor else prefix.lower() in VENDORS):
        return rest, provider(vendor or prefix)
    return model, provider(vendor)


def status_of(http_status: int | None) -> str:
    """How a call with this HTTP status ended, as the data plane files it; without one it failed upstream."""
    if http_status is None:
        return LineStatus.UPSTREAM_ERROR.value
    if http_status < 400:
        return LineStatus.OK.value
    if http_status in TIMEOUTS:
        return LineStatus.TIMEOUT.value
    is_ours = http_status == 429 or http_status >= 500
    return (LineStatus.UPSTREAM_ERROR if is_ours else LineStatus.CLIENT_ERROR).value


def tags(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Up to 20 tags; empty values and what is neither text nor number are left out. None without one."""
    found = {
        str(name)[:120].replace("\0", ""): str(value)[:120].replace("\0", "")
        for name, value in values.items()
        if str(name).strip() and isinstance(value, str | int | float) and str(value).strip()
    }
    return dict(list(found.items())[:MAX_TAGS]) or None


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is known, texts no longer than the ledger's names."""
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in values.items()
            if value is not None and value != ""}  # fmt: skip
