"""Where calls go that a local head is not sure of: the targets of its fallback stand behind it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from finetuning.dataplane.localhead import KIND
from finetuning.dataplane.serving import served_by
from gateway.dataplane.call import Call
from gateway.dataplane.views import Target

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

BEHIND = 32_768
"""Beyond every priority that a route can give."""


def add_fallbacks(call: Call, runtime: "Runtime") -> None:
    """Stage, after the candidates are known: limits and budgets then reckon with the dearer target as well.

    As with a route, the key must be allowed the name it asks for, not the ones behind it.
    """
    if runtime.snapshot.extras.get("tuned_models"):
        call.candidates += tuple(_fallbacks(call, runtime))


def _fallbacks(call: Call, runtime: "Runtime") -> Iterator[Target]:
    assert call.key is not None
    known = {(target.provider.id, target.name) for target in call.candidates}
    for target in call.candidates:
        if target.provider.kind != KIND:
            continue
        served = served_by(call, target, runtime)
        if served is None or served.threshold is None or not served.fallback:
            continue
        others, _ = runtime.snapshot.catalog.find(call.key.organization, served.fallback)
        for other in others:
            if (other.provider.id, other.name) not in known:
                known.add((other.provider.id, other.name))
                yield replace(other, priority=target.priority + BEHIND + other.priority)
