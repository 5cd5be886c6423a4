"""Why a figure changed: which parts carry the change, and a cost change split into its effects. Pure, no Django."""

from analytics.explain.causes import Cause, rank
from analytics.explain.effects import DIGITS, Cell, Effects, decompose
from analytics.explain.words import Facts, summarise

__all__ = ["DIGITS", "Cause", "Cell", "Effects", "Facts", "decompose", "rank", "summarise"]
