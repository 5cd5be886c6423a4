"""Why a figure changed: which parts carry the change, and a cost change split into its effects. Pure, no Django."""

from analytics.explain.causes import Cause, rank
from analytics.explain.effects import Cell, Effects, decompose
from analytics.explain.words import Facts, summarise

__all__ = ["Cause", "Cell", "Effects", "Facts", "decompose", "rank", "summarise"]
