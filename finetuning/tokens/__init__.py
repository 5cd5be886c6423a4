"""Tokens of training examples, without a network: what a vendor bills an epoch for. Imports no Django."""

from .counting import NO_VOCABULARY_ERROR, PARTS_ERROR, Counter, TokenCount, count

__all__ = ("NO_VOCABULARY_ERROR", "PARTS_ERROR", "Counter", "TokenCount", "count")
