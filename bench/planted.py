"""The demo's calls as a search for savings sees them, without a database: the same columns that `costs.savings.reading`
fills from the ledger."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import numpy as np

from config.demo import calls as c
from config.demo.calls import Calls
from config.demo.commitments import Agreed, agreed_of
from config.demo.company import FOUNDED, MODEL_NAMES, MODELS, PROJECTS, PROVIDERS, Company
from config.demo.prices import Prices, book_of
from config.demo.rows import calls_of, ids_of, prefixes_of
from config.demo.waste import workloads_of
from config.demo.workloads import CHAT, Workload
from costs.savings.candidates import MONTH, ModelFacts, View
from costs.savings.commitments import BURST, Commitment
from costs.savings.lines import CACHE_READ, INPUT, OUTPUT, REASONING, TOKENS, TOOL_CALLS, WRITE_5M, Builder, Profile
from costs.savings.prefixes import PrefixReplay
from costs.savings.pricing import BatchPricer, Target
from costs.savings.replay import Ledger
from costs.savings.units import Ints, money
from gateway.ledger.ids import ms_of

HOUR_MS = 3_600_000
SECOND = timedelta(seconds=1)
SHARE = Decimal("1e-6")
FACTS = [
    ModelFacts(provider, name, name, PROVIDERS[provider][2], frozenset(capabilities), context, longest)
    for name, (provider, capabilities, context, longest) in MODELS.items()
]
"""The catalogue as `config.demo.setup` makes it."""


FLAT = ("translation", "gemini-2.5-flash", 7)
"""Project, model and days before the last from which on a flat rate pays for the calls (config.demo.agreements)."""


def view_of(company: Company, days: int, *, is_agreed: bool = False) -> View:
    """Its last `days` days. Projects are called by their slugs. `is_agreed`: with the calls of the flat rate priced
    anew, as the demo is."""
    start, end = company.calendar.midnight(days - 1), company.calendar.until
    builder, prefixes = Builder(), PrefixReplay()
    for before in range(days - 1, -1, -1):
        _add_day(builder, prefixes, company, before, is_agreed=is_agreed)
    lines = builder.lines()
    pricer = BatchPricer(book_of(company), start, end, str(company.organization))
    named = {number: one for number, one in enumerate(lines.profiles) if one.provider}
    targets = {number: Target(PROVIDERS[one.provider][2], one.model) for number, one in named.items()}
    commitments = [_committed(company, one, days) for one in agreed_of(company)]
    names = {slug: slug for slug in PROJECTS}
    return View(Ledger.of(lines, pricer, targets), start, end, models=FACTS, names=names, commitments=commitments)


def _committed(company: Company, one: Agreed, days: int) -> Commitment:
    """With its use, from the calls it covers."""
    start, end = company.calendar.midnight(days - 1), company.calendar.until
    value, by_hour = 0, np.zeros(24 * days, dtype=np.int64)
    for before in range(days):
        prices = Prices.of(company, before)
        for workload in workloads_of(company):
            if workload.model == one.model:
                calls = calls_of(company, workload, before)
                value += int(prices.list_cost(calls).sum())
                np.add.at(by_hour, (calls.ms - ms_of(start)) // HOUR_MS, calls.input + calls.output)
    cost = one.terms(company).cost_between(start, end)
    peak = Decimal(int(by_hour.max()))
    used = None
    if one.tokens_per_minute:
        used = min(Decimal(1), (peak / (one.tokens_per_minute * 60)).quantize(SHARE) * BURST)
    return Commitment(
        reference=str(one.identity(company)), name=one.name, provider=one.provider, model=one.model,
        start=company.calendar.midnight(FOUNDED), end=None, currency="USD", covered=money(value), used=used,
        monthly_cost=cost * Decimal(MONTH / SECOND) / Decimal((end - start) / SECOND),
        sizes=tuple(Decimal(units) / one.units for units in range(1, one.units + 1)) if used is not None else (),
    )  # fmt: skip


def _add_day(builder: Builder, prefixes: PrefixReplay, company: Company, before: int, *, is_agreed: bool) -> None:
    prices, parts = Prices.of(company, before), []
    for number, workload in enumerate(workloads_of(company)):
        calls = calls_of(company, workload, before)
        calls = calls.take(calls.status != c.DENIED)
        fine = calls.status == c.OK
        hashes = prefixes_of(workload, calls) if workload.endpoint == CHAT else [""] * len(calls)
        is_free = is_agreed and _is_flat(workload, before)
        parts.append({
            "profile": _profiles(builder, company, workload, calls), "at": calls.ms,
            "duration": calls.duration.astype(np.int64), "request": (before * 100 + number << 32) + calls.request,
            "asked": np.where(fine, calls.hmac, 0), "max_tokens": np.full(len(calls), workload.max_tokens or 0),
            "cost": prices.cost(calls) * (not is_free), "tokens": _tokens(calls), "id": ids_of(calls),
            "hashes": np.array([text if one else "" for text, one in zip(hashes, fine.tolist(), strict=True)], object),
        })  # fmt: skip
    columns = {
        name: np.concatenate([part[name] for part in parts], axis=-1 if name == "tokens" else 0) for name in parts[0]
    }
    order = np.lexsort((columns["id"][:, 1], columns["id"][:, 0]))
    columns.pop("id")
    columns = {name: values[..., order] for name, values in columns.items()}
    seen = _replayed(builder, prefixes, columns.pop("hashes").tolist(), columns["profile"], columns["at"])
    builder.add(**columns, blocks=seen[0], seen=seen[1], ended=seen[2])


def _is_flat(workload: Workload, before: int) -> bool:
    project, model, since = FLAT
    return (workload.project, workload.model) == (project, model) and before <= since


def _tokens(calls: Calls) -> Ints:
    tokens = np.zeros((len(TOKENS), len(calls)), dtype=np.int64)
    for row, values in (
        (INPUT, calls.input), (CACHE_READ, calls.cached), (WRITE_5M, calls.written), (OUTPUT, calls.output),
        (REASONING, calls.reasoning), (TOOL_CALLS, calls.tool_calls),
    ):  # fmt: skip
        tokens[row] = values
    return tokens


def _profiles(builder: Builder, company: Company, workload: Workload, calls: Calls) -> Ints:
    """Numbers of the calls' profiles."""
    columns = (calls.key, calls.served, calls.status, calls.finish, calls.final, calls.stream, calls.end_user >= 0)
    kinds, which = np.unique(np.stack([column.astype(np.int64) for column in columns]), axis=1, return_inverse=True)
    numbers = [builder.number(_profile(company, workload, *kind)) for kind in kinds.T.tolist()]
    return np.asarray(numbers, dtype=np.int64)[which.ravel()] if len(numbers) else np.zeros(0, dtype=np.int64)


def _profile(
    company: Company, workload: Workload, key: int, served: int, status: int, finish: int, final: int, stream: int,
    user: int,
) -> Profile:  # fmt: skip
    model = MODEL_NAMES[served] if served >= 0 else ""
    team = PROJECTS[workload.project][0]
    return Profile(
        project=workload.project, team=team, api_key=company.keys[key].name, provider=MODELS[model][0] if model else "",
        model=model, model_requested=workload.route or workload.model, endpoint=workload.endpoint, route=workload.route,
        status=c.STATUSES[status], finish=c.FINISHES[finish] or "", is_final=bool(final), is_stream=bool(stream),
        has_end_user=bool(user), has_tools=workload.tools > 0,
    )  # fmt: skip


def _replayed(builder: Builder, prefixes: PrefixReplay, hashes: Iterable[str], profile: Ints, at: Ints) -> Ints:
    scopes: dict[tuple[str, str], int] = {}
    known = [scopes.setdefault((one.provider, one.model), MODEL_NAMES.index(one.model) if one.model else -1)
             for one in builder.profiles]  # fmt: skip
    found = [
        prefixes.take(known[number], bytes.fromhex(text), when) if text else (0, 0, 0)
        for text, number, when in zip(hashes, profile.tolist(), at.tolist(), strict=True)
    ]
    return np.asarray(found, dtype=np.int64).reshape(-1, 3).T
