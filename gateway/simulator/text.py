"""Deterministic prose: plausible sentences from a small vocabulary, exactly as many tokens as asked for."""

import random

from gateway.simulator.tokens import split_tokens

_VOCABULARY = """
the a of to in and for with on by from as at this that which each every most some our their its one two report
model service request budget team project region quarter forecast answer customer question contract invoice
latency token prompt result figure table summary paragraph example policy review change release plan error cause
owner deadline section draft message account order product delivery price rate margin cost growth shows covers
explains suggests includes reduces increases follows needs keeps allows means compares returns clear short
recent stable likely common simple early final open careful useful shared daily weekly average however therefore
usually often already still mostly slightly roughly together first next finally café façade naïve résumé Zürich
12 30 2024 95% €40 → data traffic evidence source detail context
"""
_WORDS = _VOCABULARY.split()
_ENDS = (". ", ". ", ". ", ". ", "? ", ": ", ".\n\n")


def write_prose(rng: random.Random, tokens: int) -> list[str]:
    """`tokens` tokens of text that ends in a full stop; no tokens for 0."""
    if tokens <= 0:
        return []
    parts: list[str] = []
    words = 0
    while words < tokens:  # a word is at least one token, so this is enough
        length = min(rng.randint(6, 16), tokens - words)
        sentence = rng.choices(_WORDS, k=length)
        sentence[0] = sentence[0].capitalize()
        parts.append(" ".join(sentence) + rng.choice(_ENDS))
        words += length
    kept = split_tokens("".join(parts))[:tokens]
    kept[-1] = "."
    return kept


def write_accented(rng: random.Random, tokens: int) -> list[str]:
    """Like `write_prose`, but every second token is a multi-byte character."""
    plain = write_prose(rng, tokens)
    return [rng.choice("éüñ漢字€🙂") if index % 2 == 0 else token for index, token in enumerate(plain)]
