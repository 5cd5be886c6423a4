"""Tokens of training examples, without a network: what a vendor bills an epoch for. Imports no Django."""

from .counting import Counter, TokenCount, count

__all__ = ("Counter", "TokenCount", "count")
