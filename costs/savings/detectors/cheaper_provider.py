"""The very same model where it costs less.

Evidence: open weights that several hosts serve (`costs.savings.equivalents.HOSTS`), and models that are resold under
the same name (OpenAI's at Azure), priced by the book for every call of the slice, contracts included. A host that the
organization has configured goes before one that it has not, unless the other one saves a tenth more.

Never: hosts that serve the weights quantised under another name, hosts whose declared limits the slice exceeds, and
prompts beyond `SAFE_CONTEXT` tokens at a host whose limits nobody declared here. Same weights are not the same service:
latency, limits and where data goes differ, and the text says so.
"""

from collections.abc import Iterator

from costs.savings.candidates import Candidate, ModelFacts, View, affected_of
from costs.savings.equivalents import HOSTS, IDENTITY, RESOLD
from costs.savings.lines import INPUT, OUTPUT
from costs.savings.pricing import Target
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import moved
from costs.savings.units import Ints, total
from costs.savings.words import figure

SAFE_CONTEXT = 32_768
BETTER = 1.1


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that costs less elsewhere."""
    able = view.replayable & view.lines.where(lambda one: one.status == "ok")
    for part, _, rows in view.slices(able):
        target = view.target(rows)
        longest = int((view.lines.tokens[INPUT, rows] + view.lines.tokens[OUTPUT, rows]).max())
        fitting = [one for one in _elsewhere(view, target) if longest <= (one.context_tokens or SAFE_CONTEXT)]
        best = _cheapest(view, rows, fitting)
        if best is None:
            continue
        facts, before, after = best
        is_configured = any(facts is one for one in view.models)
        where, host = view.name(part.project), facts.provider or facts.price_list
        yield Candidate(
            change=Change(Category.CHEAPER_PROVIDER, provider=host, model=facts.name,
                          settings={"price_list": facts.price_list, "upstream_name": facts.upstream,
                                    "is_configured": "yes" if is_configured else "no"}),
            slice=part, title=f"Call {part.model} of {where} at {host}", rows=rows,
            apply=moved(view.pricer, facts.price_list, facts.upstream),
            effort=Effort.LOW if is_configured else Effort.HIGH, risk=Risk.LOW,
            evidence=(
                figure(
                    "same_model", f"{facts.upstream} at {host} is the same model as {target.model} at "
                    f"{part.provider}.", price_list=facts.price_list, upstream_name=facts.upstream,
                ),
                figure(
                    "price", f"The same calls cost {100 * (1 - after / before):.0f} % less there.",
                    share=1 - after / before,
                ),
                figure("service", "Latency, rate limits, features and where data is processed are the host's: compare "
                       "them before moving."),
            ),
            steps=(
                *(() if is_configured else (f"Add {host} as a provider, with the model {facts.upstream}.",)),
                f"Route a share of the calls to {host}, compare latency and errors, then move the rest.",
            ),
            affected=affected_of(part, [f"target:{host}/{facts.name}"]),
        )  # fmt: skip


def _elsewhere(view: View, target: Target) -> list[ModelFacts]:
    """Where the model can be called too: configured ones, then hosts that the book knows."""
    cards = view.pricer.cards(target)
    if not cards:
        return []
    listed = cards[-1].list_card or cards[-1]
    weights = IDENTITY.get((listed.provider, listed.model)) or IDENTITY.get((target.price_list, target.model))
    found = []
    for one in view.models:
        other = view.pricer.cards(Target(one.price_list, one.upstream))
        if not other or (one.price_list, one.upstream) == (target.price_list, target.model):
            continue
        card = other[-1].list_card or other[-1]
        same_weights = weights is not None and weights == (
            IDENTITY.get((card.provider, card.model)) or IDENTITY.get((one.price_list, one.upstream))
        )
        is_resold = one.price_list in RESOLD.get(target.price_list, ()) and one.upstream == target.model
        if same_weights or is_resold:
            found.append(one)
    known = {one.price_list for one in found} | {target.price_list}
    hosts = HOSTS[weights] if weights is not None else {}
    return found + [ModelFacts("", name, name, host) for host, name in hosts.items() if host not in known]


def _cheapest(view: View, rows: Ints, offers: list[ModelFacts]) -> tuple[ModelFacts, int, int] | None:
    """`(offer, cost now, cost there)`; None when it costs less nowhere."""
    part, costs = view.ledger.part(rows), []
    before = total(part.cost)
    for one in offers:
        new = view.ledger.replay(part, moved(view.pricer, one.price_list, one.upstream))
        costs.append(total(new.cost))
    best: tuple[ModelFacts, int, int] | None = None
    for one, after in sorted(zip(offers, costs, strict=True), key=lambda pair: (pair[0].provider == "", pair[1])):
        if after < before and (best is None or before - after > BETTER * (before - best[2])):
            best = one, before, after
    return best
