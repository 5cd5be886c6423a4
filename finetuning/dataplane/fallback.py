"""Where calls go that a local head is not sure of: the targets of its fallback stand behind it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from finetuning.dataplane.localhead import KIND
from finetuning.dataplane.serving import Served, served_by
from gateway.dataplane.call import Call
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

BEHIND = 32_768
"""Beyond every priority that a route can give."""


def add_fallbacks(call: Call, runtime: "Runtime") -> None:
    """Stage, after the candidates are known: limits and budgets then reckon with the dearer target as well.

    As with a route, the key must be allowed the name it asks for, not the ones behind it. What is kept in the cache is
    of this very head.
    """
    if not runtime.snapshot.extras.get("tuned_models"):
        return
    for target in call.candidates:
        served = served_by(call, target, runtime) if target.provider.kind == KIND else None
        if served is not None:
            call.cache_marks.append(f"head\x00{served.sha256}")
            call.candidates += _behind(call, target, served, runtime)


def _behind(call: Call, target: Target, served: Served, runtime: "Runtime") -> tuple[Target, ...]:
    """The targets of its fallback that are no candidates yet."""
    if served.threshold is None or not served.fallback:
        return ()
    assert call.key is not None
    known = {(each.provider.id, each.name) for each in call.candidates}
    found, _ = runtime.snapshot.catalog.find(call.key.organization, served.fallback)
    others = (other for other in found if (other.provider.id, other.name) not in known)
    return tuple(replace(other, priority=target.priority + BEHIND + other.priority) for other in others)
