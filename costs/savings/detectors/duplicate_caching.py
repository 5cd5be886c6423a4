"""The same question asked again while its answer could still be kept.

Evidence: calls of one project and endpoint with the same hash of the canonical request (`request_hmac`), replayed
against a response cache as the gateway's own is: the first call of a question is made, what comes while it runs waits
for it, and its answer is served until `TTL_S` after it was complete; then the question is asked anew. Only calls that
succeeded count, those that end at the caller's own limit of tokens too, and of streams only other streams are served.

Never: projects that have a response cache already, calls that were answered by it, questions without a hash, calls that
failed. Savings are what those lines cost, so there is nothing to guess.
"""

from collections.abc import Iterator

import numpy as np

from costs.savings.candidates import Candidate, View, affected_of, percent, share
from costs.savings.lines import Lines
from costs.savings.proposals import Category, Change, Effort, Risk
from costs.savings.replay import removed
from costs.savings.units import Flags, Ints, money, total
from costs.savings.words import figure

TTL_S = 3_600


def detect(view: View) -> Iterator[Candidate]:
    """One candidate for each project × endpoint × model whose answers could be kept."""
    lines = view.lines
    able = lines.where(lambda one: one.status == "ok" and one.is_final and one.is_plain and one.cache_status != "hit")
    has_cache = lines.where(lambda one: view.keeps_answers(one.project))
    able &= (lines.asked != 0) & ~has_cache
    again = repeats(lines, able, TTL_S * 1000)
    for part, _, rows in view.slices(able):
        hits = rows[again[rows] & (lines.cost[rows] > 0)]
        saving = total(lines.cost[hits])
        if not len(hits) or saving < view.least():
            continue
        asked, where = len(np.unique(lines.asked[rows])), view.name(part.project)
        yield Candidate(
            change=Change(Category.DUPLICATE_CACHING, settings={"ttl_s": str(TTL_S), "project": part.project}),
            slice=part,
            title=f"Keep answers of {part.model} in {where}",
            rows=hits, apply=removed, effort=Effort.LOW,
            risk=Risk.NONE if "embeddings" in part.endpoint else Risk.LOW,
            evidence=(
                figure(
                    "repeats", f"{len(hits):,} of {len(rows):,} calls ask what was asked, byte for byte, within the "
                    f"hour before: {percent(share(len(hits), len(rows)))}.",
                    repeated=len(hits), calls=len(rows), share=share(len(hits), len(rows)),
                ),
                figure("questions", f"{asked:,} different questions were asked.", questions=asked),
                figure("cost", f"The repeated calls cost {money(saving):.2f}.", cost=money(saving)),
            ),
            steps=(
                f"Turn on the response cache for the project {where} with {TTL_S:,} s.",
                "Callers who need a fresh answer send X-Gateway-Cache: no-cache.",
            ),
            affected=affected_of(part),
        )  # fmt: skip


def repeats(lines: Lines, able: Flags, ttl_ms: int) -> Flags:
    """Which lines a cache would have answered. (n,)"""
    rows = np.flatnonzero(able)
    _, place = lines.codes(lambda one: (one.project, one.endpoint, one.is_stream))
    order = rows[np.lexsort((rows, place[rows], lines.asked[rows]))]
    same = (lines.asked[order[1:]] == lines.asked[order[:-1]]) & (place[order[1:]] == place[order[:-1]])
    found = np.zeros(len(lines), dtype=bool)
    if len(order):
        order = order[np.concatenate([[False], same]) | np.concatenate([same, [False]])]
        found[order] = _served(lines, order, place, ttl_ms)
    return found


def _served(lines: Lines, order: Ints, place: Ints, ttl_ms: int) -> list[bool]:
    served: list[bool] = []
    known, until = (0, -1), 0
    columns = (lines.asked, place, lines.at, lines.duration)
    for asked, where, at, duration in zip(*(column[order].tolist() for column in columns), strict=True):
        is_hit = (asked, where) == known and at < until
        served.append(is_hit)
        if not is_hit:
            known, until = (asked, where), at + duration + ttl_ms
    return served
