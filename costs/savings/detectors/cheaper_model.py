"""A smaller model of the same family for traffic that is small.

Evidence: a slice (project × endpoint × provider × model) whose answers are short (nine of ten within `SHORT_OUTPUT`
tokens), that hardly reasons (`LITTLE_REASONING` of what it writes) and whose usual prompt is short (median
`SHORT_INPUT`): classifying, routing, extracting a field. The smaller model is the nearest of the vendor's family
(`costs.savings.equivalents`, with source); a further one only where recorded scores say that it answers as well. It
must take what the slice sends: the longest prompt with its answer, the longest answer asked for, tools, pictures where
today's model takes them, reasoning where there is any.

Never: a model that enough recorded scores call worse; embeddings (vectors of another model mean nothing to an index);
slices that write or reason much, however dear they are. Without scores the risk is high and the text says so: that an
answer is short does not prove that it is easy.
"""

from collections.abc import Callable, Iterator

import numpy as np

from costs.savings.candidates import Candidate, ModelFacts, View, affected_of, percent, share
from costs.savings.equivalents import FACTS, SMALLER, SOURCES
from costs.savings.lines import INPUT, OUTPUT, REASONING, Profile
from costs.savings.pricing import Target
from costs.savings.proposals import Category, Change, Effort, Quality, Slice
from costs.savings.replay import moved
from costs.savings.units import Ints, total
from costs.savings.words import figure, is_known, is_known_worse, quality_of, risk_of_another_model

SHORT_OUTPUT = 256
LITTLE_REASONING = 0.1
SHORT_INPUT = 4_000


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each slice that a smaller model could answer."""
    able = view.replayable & view.lines.where(lambda one: one.status == "ok" and "embeddings" not in one.endpoint)
    for part, _, rows in view.slices(able):
        output = np.percentile(view.lines.tokens[OUTPUT, rows], 90)
        usual = np.median(view.lines.tokens[INPUT, rows])
        written = int(view.lines.tokens[OUTPUT, rows].sum())
        reasoning = share(int(view.lines.tokens[REASONING, rows].sum()), written)
        if not written or output > SHORT_OUTPUT or usual > SHORT_INPUT or reasoning > LITTLE_REASONING:
            continue
        chosen = _choose(view, part, rows)
        if chosen is None:
            continue
        facts, quality, source = chosen
        is_configured = view.facts(facts.provider, facts.name) is not None
        where = view.name(part.project)
        # every call of the slice is to move, and so counts: failed ones cost what they cost there too
        moving = np.flatnonzero(view.replayable & view.lines.where(_is_of(part)))
        yield Candidate(
            change=Change(
                Category.CHEAPER_MODEL, provider=facts.provider, model=facts.name,
                settings={"price_list": facts.price_list, "upstream_name": facts.upstream,
                          "is_configured": "yes" if is_configured else "no"},
            ),
            slice=part,
            title=f"Answer {where} with {facts.name} instead of {part.model}",
            rows=moving, apply=moved(view.pricer, facts.price_list, facts.upstream),
            effort=Effort.LOW if is_configured else Effort.MEDIUM, risk=risk_of_another_model(quality),
            evidence=(
                figure(
                    "shape", f"Nine of ten answers have at most {output:.0f} tokens, the usual prompt {usual:.0f}; "
                    f"{percent(reasoning)} of what is written is reasoning.",
                    output_p90=float(output), input_median=float(usual), reasoning_share=reasoning,
                ),
                figure(
                    "covers", f"{facts.name} takes everything that the slice sends: prompts and answers of up to "
                    f"{int((view.lines.tokens[INPUT, rows] + view.lines.tokens[OUTPUT, rows]).max()):,} tokens of its "
                    f"{facts.context_tokens or 0:,}.", source=source, context_tokens=facts.context_tokens or 0,
                ),
                figure("quality", quality.text),
            ),
            steps=(
                *(() if is_configured else (f"Add the model {facts.name} to the provider {facts.provider}.",)),
                f"Route a share of {where}'s calls of {part.model} to {facts.name} and record scores.",
                "Raise the share while the scores hold.",
            ),
            quality=quality,
            affected=affected_of(part, [f"target:{facts.provider}/{facts.name}"]),
        )  # fmt: skip


def _is_of(part: Slice) -> Callable[[Profile], bool]:
    key = (part.project, part.endpoint, part.provider, part.model)
    return lambda one: (one.project, one.endpoint, one.provider, one.model) == key


def _choose(view: View, part: Slice, rows: Ints) -> tuple[ModelFacts, Quality, str] | None:
    """The nearest smaller model that can do it, or a further one that is known to do it as well."""
    target = view.target(rows)
    cards = view.pricer.cards(target)
    if not cards:
        return None
    listed = cards[-1].list_card or cards[-1]
    best = None
    for model in SMALLER.get((listed.provider, listed.model), ()):
        facts = _facts(view, part, target, listed.provider, model)
        quality = quality_of(view, part, facts.provider, facts.name)
        if is_known_worse(quality) or not _takes(view, part, facts, rows) or not _is_cheaper(view, facts, rows):
            continue
        if best is None or is_known(quality):
            best = facts, quality, SOURCES[listed.provider]
    return best


def _facts(view: View, part: Slice, target: Target, vendor: str, model: str) -> ModelFacts:
    """As the catalogue has the model at this provider, else as the vendor describes it."""
    known = FACTS[vendor, model]
    for one in view.models:
        if one.provider == part.provider:
            cards = view.pricer.cards(Target(one.price_list, one.upstream))
            if cards and (cards[-1].list_card or cards[-1]).model == model:
                return ModelFacts(
                    one.provider, one.name, one.upstream, one.price_list, one.capabilities or known.capabilities,
                    one.context_tokens or known.context_tokens, one.max_output_tokens or known.max_output_tokens,
                )  # fmt: skip
    return ModelFacts(
        part.provider, model, model, target.price_list, known.capabilities, known.context_tokens,
        known.max_output_tokens,
    )  # fmt: skip


def _takes(view: View, part: Slice, facts: ModelFacts, rows: Ints) -> bool:
    lines = view.lines
    whole = int((lines.tokens[INPUT, rows] + lines.tokens[OUTPUT, rows]).max())
    answer = max(int(lines.tokens[OUTPUT, rows].max()), int(lines.max_tokens[rows].max()))
    if whole > (facts.context_tokens or 0) or answer > (facts.max_output_tokens or 0):
        return False
    today = view.facts(part.provider, part.model)
    needs = {"vision"} & (today.capabilities if today else frozenset())
    if any(lines.profiles[number].has_tools for number in np.unique(lines.profile[rows]).tolist()):
        needs |= {"tools"}
    if lines.tokens[REASONING, rows].any():
        needs |= {"reasoning"}
    return needs <= facts.capabilities


def _is_cheaper(view: View, facts: ModelFacts, rows: Ints) -> bool:
    part = view.ledger.part(rows)
    after = view.ledger.replay(part, moved(view.pricer, facts.price_list, facts.upstream))
    return total(after.cost) < total(part.cost)
