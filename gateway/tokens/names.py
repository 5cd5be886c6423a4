"""Which encoding a model name stands for. Pure; the table is that of tiktoken 0.14.0, for the shipped encodings."""

from __future__ import annotations

O200K = "o200k_base"
CL100K = "cl100k_base"

_EXACT = {
    "o1": O200K,
    "o3": O200K,
    "o4-mini": O200K,
    "gpt-4.1": O200K,
    "gpt-4o": O200K,
    "gpt-4": CL100K,
    "gpt-3.5-turbo": CL100K,
    "gpt-3.5": CL100K,
    "gpt-35-turbo": CL100K,
    "davinci-002": CL100K,
    "babbage-002": CL100K,
    "text-embedding-ada-002": CL100K,
    "text-embedding-3-small": CL100K,
    "text-embedding-3-large": CL100K,
}
_PREFIXES = {
    "o1-": O200K,
    "o3-": O200K,
    "o4-mini-": O200K,
    "gpt-5": O200K,
    "gpt-4.5-": O200K,
    "gpt-4.1-": O200K,
    "chatgpt-4o-": O200K,
    "gpt-4o-": O200K,
    "gpt-4-": CL100K,
    "gpt-3.5-turbo-": CL100K,
    "gpt-35-turbo-": CL100K,
    "gpt-oss-": O200K,  # o200k_harmony: the same ranks, more special tokens, which ordinary text never becomes
}
_CHAT_VERIFIED = ("gpt-3.5-turbo", "gpt-35-turbo", "gpt-4-", "gpt-4o")


def base_model(model: str) -> str:
    """The OpenAI model behind a name: without vendor prefix (``openai/``) and a tuned model's ``ft:…:org:suffix:id``.

    tiktoken's own table takes ``ft:gpt-4.1-mini-…`` for ``ft:gpt-4`` and answers cl100k_base: look up the base instead.
    """
    name = model.strip().lower()
    for vendor in ("openai/", "azure/"):
        name = name.removeprefix(vendor)
    if name.startswith("ft:"):
        name = name[3:].partition(":")[0]
    return name


def encoding_for(model: str) -> str | None:
    """``"o200k_base"`` or ``"cl100k_base"``; None for every model whose tokenizer is not one of these two."""
    name = base_model(model)
    if name in _EXACT:
        return _EXACT[name]
    return next((encoding for prefix, encoding in _PREFIXES.items() if name.startswith(prefix)), None)


def has_verified_chat_format(model: str) -> bool:
    """Whether OpenAI's cookbook shows its chat overhead equal to the API's own count for this family.

    gpt-3.5-turbo, gpt-4 and gpt-4o are shown there; later models are not, and reasoning models differ by some tokens.
    """
    name = base_model(model)
    return name == "gpt-4" or name.startswith(_CHAT_VERIFIED)
