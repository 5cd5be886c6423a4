"""The truth list of a demo: what was planted in it, in which calls, and what each waste costs. Pure, and slow: it makes
the calls of every day anew. Worked out by `config.demo.waste`, not by the search for savings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from config.demo.calls import Calls, Ints
from config.demo.commitments import agreed_of, first_open_day
from config.demo.company import MODEL_NAMES, MODELS, Company
from config.demo.prices import COST_SCALE, Prices
from config.demo.rows import Words, calls_of, ids_of
from config.demo.waste import Plant, plants, workloads_of
from config.demo.workloads import WORKLOADS, Workload
from costs.savings.proposals import Category


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """One waste of a span of days. `project` is its slug; `endpoint`, `provider`, `model` are as on the lines. Of a
    commitment project and endpoint are empty.

    `ids`: (n, 2), the UUIDs of its calls as two words. `cost`: of these calls, in 1e-10 USD, before anything is undone;
    `saving`: what is left to this waste when all of its project are undone in order, so that savings add up.
    """

    category: Category
    project: str
    endpoint: str
    provider: str
    model: str
    ids: Words
    cost: int
    saving: int


def planted(company: Company, days: Iterable[int]) -> list[Planted]:
    """The waste of these days (counted back from the last), largest saving first; nothing of a clean company."""
    if company.is_clean:
        return []
    days = list(days)
    wasteful = {workload.project: workload for workload in workloads_of(company)}
    sound = {workload.project: workload for workload in WORKLOADS}
    found: defaultdict[tuple[Category, str, str, str], list[_Day]] = defaultdict(list)
    for before in days:
        for plant in plants(company.seed):
            project = plant.project
            calls = calls_of(company, wasteful[project], before)
            for category, model, part in _undone(company, plant, sound[project], calls, before):
                found[category, project, wasteful[project].endpoint, model].append(part)
    whole = [_whole(key, parts) for key, parts in found.items()]
    return sorted([*whole, *_committed(company, days)], key=lambda one: -one.saving)


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    ids: Words
    cost: int
    saving: int


def _undone(
    company: Company, plant: Plant, sound: Workload, calls: Calls, before: int
) -> Iterable[tuple[Category, str, _Day]]:
    """A day's waste by category and the model that answered."""
    ids, first = ids_of(calls), Prices.of(company, before).cost(calls)
    now, cost, is_batch = calls, first, False
    for remedy in plant.remedies:
        now, is_batch = remedy.undo(now, sound), is_batch or remedy.is_batch
        after = Prices.of(company, before, batch=is_batch).cost(now)
        for served in np.unique(calls.served[cost != after]).tolist():
            which: Ints = np.flatnonzero((cost != after) & (calls.served == served))
            part = _Day(ids[which], int(first[which].sum()), int((cost - after)[which].sum()))
            yield remedy.category, MODEL_NAMES[served], part
        cost = after


def _committed(company: Company, days: Sequence[int]) -> Iterator[Planted]:
    """What is paid for units that no call needs. They are about no calls, and no project's."""
    over = [day for day in map(company.calendar.day, days) if day < first_open_day(company)]
    for one in agreed_of(company):
        cost = int(sum(one.terms(company).cost_of(day).cost for day in over) * 10**COST_SCALE)
        none = np.zeros((0, 2), dtype=np.uint64)
        unneeded = cost * (one.units - one.needed) // one.units
        yield Planted(one.category, "", "", one.provider, one.model, none, cost, unneeded)


def _whole(key: tuple[Category, str, str, str], parts: list[_Day]) -> Planted:
    category, project, endpoint, model = key
    return Planted(
        category, project, endpoint, MODELS[model][0], model, np.concatenate([part.ids for part in parts]),
        sum(part.cost for part in parts), sum(part.saving for part in parts),
    )  # fmt: skip
