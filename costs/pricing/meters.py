"""The usage contract of the ledger and the meters it is billed by. Pure data; no Django, no vendor data.

Token semantics, decided once for the whole product (they are OpenAI's; other adapters add up to them):

* ``input_tokens`` is the whole prompt: uncached + cache reads + cache writes (5 min and 1 h) + audio.
* ``output_tokens`` is the whole answer: text + reasoning + audio.
* ``cache_read_tokens``, ``cache_write_5m_tokens``, ``cache_write_1h_tokens``, ``audio_input_tokens`` are disjoint parts
  of ``input_tokens``; ``reasoning_tokens``, ``audio_output_tokens`` are disjoint parts of ``output_tokens``.

So Anthropic's ``input_tokens`` (which leaves cache reads and writes out) must be summed by its adapter before pricing:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance.

``image_input_tokens`` and ``image_output_tokens`` are parts of input and output that image models report; they are
billed within their whole where the price list has no rate of their own for them.

The other keys count units: ``requests`` (1 when absent), ``image_units`` (images made; image tokens of a prompt are
input tokens), ``characters`` (of a text that is spoken), ``audio_ms`` (milliseconds of a recording that is heard,
billed by the second), ``web_searches`` (searches run by the vendor) and ``tool_calls`` (function calls asked for by
the model: no vendor bills them beyond their tokens, so they cost something only under an override that prices them).

Images, speech and recordings are billed by units or by tokens, as the model's prices say: whichever of the two has no
rate is no gap when the other one has.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

Quantity = int | Decimal
Usage = Mapping[str, "Quantity | None"]

INPUT = "input"
CACHE_READ = "cache_read"
CACHE_WRITE_5M = "cache_write_5m"
CACHE_WRITE_1H = "cache_write_1h"
AUDIO_INPUT = "audio_input"
IMAGE_INPUT = "image_input"
OUTPUT = "output"
REASONING = "reasoning"
AUDIO_OUTPUT = "audio_output"
IMAGE_OUTPUT = "image_output"
REQUEST = "request"
IMAGE = "image"
CHARACTER = "character"
AUDIO_SECOND = "audio_second"
TOOL_CALL = "tool_call"
WEB_SEARCH = "web_search"

INPUT_METERS = (INPUT, CACHE_READ, CACHE_WRITE_5M, CACHE_WRITE_1H, AUDIO_INPUT, IMAGE_INPUT)
OUTPUT_METERS = (OUTPUT, REASONING, AUDIO_OUTPUT, IMAGE_OUTPUT)
TOKEN_METERS = INPUT_METERS + OUTPUT_METERS
"""Priced per 1,000,000 tokens in lists and overrides."""
UNIT_METERS = (REQUEST, IMAGE, TOOL_CALL, WEB_SEARCH)
"""Priced per unit in overrides."""
PER_MILLION = (*TOKEN_METERS, CHARACTER)
"""Priced per 1,000,000."""
PER_MINUTE = (AUDIO_SECOND,)
"""Counted in seconds, priced per minute."""
METERS = TOKEN_METERS + UNIT_METERS + (CHARACTER, AUDIO_SECOND)
INSTEAD_OF_TOKENS = frozenset({IMAGE, CHARACTER, AUDIO_SECOND})

USAGE_KEYS = frozenset(
    {
        "input_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "audio_input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "audio_output_tokens",
        "requests",
        "image_input_tokens",
        "image_output_tokens",
        "image_units",
        "characters",
        "audio_ms",
        "tool_calls",
        "web_searches",
    }
)

FLAG_UNPRICED = "unpriced"
"""The model has no price at all; ``unpriced:<meter>`` names a used meter without a rate. Both make the total None."""
FLAG_FREE = "free"
FLAG_UNKNOWN_TIER = "unknown_service_tier"
"""Priced at the standard rate because the book knows no rate for the service tier, speed or processing mode served."""
FLAG_INCONSISTENT = "inconsistent_usage"
"""Parts exceed their whole, or a count was negative; parts are billed as reported, negatives as 0."""
