"""Verbs that change what costs stores, one room a subject. Each writes its audit row in the same transaction."""

from costs.services.prices import as_override, close_price_override, set_price_override

__all__ = ["as_override", "close_price_override", "set_price_override"]
