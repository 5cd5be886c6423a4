"""Offline token counts: exact for OpenAI's encodings, a labelled estimate for every other model.

Importing this package is cheap; the tokenizer and a vocabulary are loaded by the first count that needs them.
"""

from .counting import TokenCount, count_chat, count_text
from .names import encoding_for

__all__ = ("TokenCount", "count_chat", "count_text", "encoding_for")
