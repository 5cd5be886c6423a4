"""Attempts as rows of PostgreSQL's COPY text format, the shape `gateway.ledger.copyformat` gives single lines. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from config.demo import calls as c
from config.demo import libraries
from config.demo.calls import Calls, Ints
from config.demo.commitments import rows_of
from config.demo.company import MODEL_NAMES, MODELS, PROJECTS, PROVIDERS, ROUTES, Company
from config.demo.prices import METERS, Prices, money
from config.demo.traffic import BLOCK_TOKENS, day_calls
from config.demo.waste import workloads_of
from config.demo.workloads import CHAT, Workload
from gateway.ledger.copyformat import copy_row
from gateway.ledger.ids import ledger_shard, ms_of
from gateway.ledger.schema import COLUMNS

NULL = "\\N"
BOOKING_LAG_MS = 150
MAX_PREFIXES = 64
Words = NDArray[np.uint64]
Column = Sequence[str] | str
"""One text a row, or one for all of them."""


@dataclass(slots=True)
class Spend:
    """What a key's rows of a day add to it; `cost` in 1e-10 USD, `last_ms` Unix milliseconds."""

    cost: int = 0
    requests: int = 0
    last_ms: int = 0


@dataclass(slots=True)
class DayLines:
    """The ledger lines of one day, in order of time: COPY rows (with line end), their start, and spend by key."""

    rows: list[str] = field(default_factory=list)
    ms: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    spend: dict[int, Spend] = field(default_factory=dict)


def day_lines(company: Company, before: int) -> DayLines:
    """Every line that starts on the day `before` days before the last, and whose request ends before `until`."""
    prices, lines = Prices.of(company, before), DayLines()
    starts: list[Ints] = []
    rows: list[str] = []
    for workload in workloads_of(company):
        calls = calls_of(company, workload, before)
        starts.append(calls.ms)
        rows.extend(_rows(company, workload, calls, prices, before))
        _add_spend(lines.spend, calls, prices)
    for at, row in rows_of(company, before):
        starts.append(np.array([at], dtype=np.int64))
        rows.append(row)
    ms = np.concatenate(starts)
    order = np.argsort(ms, kind="stable")
    lines.ms = ms[order]
    lines.rows = [rows[index] for index in order.tolist()]
    return lines


def calls_of(company: Company, workload: Workload, before: int) -> Calls:
    """A project's attempts of a day: of the requests, whole, whose last attempt starts before the end of the demo."""
    calls, until = day_calls(company, workload, before), ms_of(company.calendar.until)
    _, which = np.unique(calls.request, return_inverse=True)
    last = np.zeros(which.max(initial=-1) + 1, dtype=np.int64)
    np.maximum.at(last, which, calls.ms)
    return calls.take(last[which] < until)


def _add_spend(spend: dict[int, Spend], calls: Calls, prices: Prices) -> None:
    cost = prices.cost(calls)
    counted = calls.final & (calls.status != c.DENIED)
    for key in np.unique(calls.key).tolist():
        mine = calls.key == key
        entry = spend.setdefault(key, Spend())
        entry.cost += int(cost[mine].sum())
        entry.requests += int(counted[mine].sum())
        entry.last_ms = max(entry.last_ms, int(calls.ms[mine].max()))


def _rows(company: Company, workload: Workload, calls: Calls, prices: Prices, before: int) -> Iterable[str]:
    columns: dict[str, Column] = dict.fromkeys(COLUMNS, NULL)
    columns |= _constants(company, workload)
    columns |= _identity(company, calls)
    columns |= _outcome(workload, calls)
    columns |= _usage(calls)
    columns |= _money(calls, prices)
    columns |= _hashes(workload, calls)
    columns |= libraries.columns(workload, calls, before)
    lists = (repeat(column) if isinstance(column, str) else column for column in columns.values())
    return (f"{row}\n" for _, row in zip(range(len(calls)), map("\t".join, zip(*lists, strict=False)), strict=False))


_NEVER_USED = ("audio_input_tokens", "audio_output_tokens", "image_units", "characters", "audio_ms")


def _constants(company: Company, workload: Workload) -> dict[str, Column]:
    team = PROJECTS[workload.project][0]
    organization, project = str(company.organization), str(company.project(workload.project))
    plain = {
        "organization": organization,
        "team": str(company.team(team)),
        "project": project,
        "ledger_shard": str(ledger_shard(organization, project)),
        "endpoint": workload.endpoint,
        "model_requested": workload.route or workload.model,
        "route": workload.route or NULL,
        "usage_source": "reported",
        "currency": "USD",
        "origin": "gateway",
        "max_tokens": str(workload.max_tokens or NULL),
        "request_count": "1",
    }
    if workload.endpoint == CHAT:
        plain["tool_count"] = str(workload.tools)
    return {**plain, **dict.fromkeys(_NEVER_USED, "0")}


def _identity(company: Company, calls: Calls) -> dict[str, Column]:
    started, booked = _times(calls.ms), _times(calls.ms + calls.duration.astype(np.int64) + BOOKING_LAG_MS)
    keys = [str(company.key(key)) for key in company.keys]
    users = [NULL if key.user is None else str(company.user(key.user)) for key in company.keys]
    return {
        "id": _hex(ids_of(calls), 2),
        "request_id": [f"req_{text}" for text in _hex(_mix(calls.salt, 1), 1)],
        "started_at": started,
        "booked_at": booked,
        "api_key": [keys[index] for index in calls.key.tolist()],
        "user": [users[index] for index in calls.key.tolist()],
        "end_user": [NULL if index < 0 else f"customer-{index + 1:04d}" for index in calls.end_user.tolist()],
    }


def ids_of(calls: Calls) -> Words:
    """(n, 2): UUIDv7 (RFC 9562 §5.7): the millisecond, and random bits of the request and its attempt."""
    low = _mix(calls.salt, calls.attempt + 2) & np.uint64((1 << 62) - 1)
    high = _mix(calls.salt, calls.attempt + 64) & np.uint64(0xFFF)
    first = (calls.ms.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000) | high
    return np.stack([first, np.uint64(0x2 << 62) | low], axis=1)


def _outcome(workload: Workload, calls: Calls) -> dict[str, Column]:
    denied = calls.status == c.DENIED
    served = [*MODEL_NAMES, NULL]
    providers = [*(MODELS[name][0] for name in MODEL_NAMES), NULL]
    output = np.round(calls.duration - calls.ttft, 1)
    status = calls.status.tolist()
    return {
        "kind": _choose(denied, "denied", "attempt"),
        "is_final": _choose(calls.final, "t", "f"),
        "is_stream": _choose(calls.stream, "t", "f"),
        "provider": [providers[index] for index in calls.served.tolist()],
        "model_served": [served[index] for index in calls.served.tolist()],
        "route_decision": _decisions(workload, calls),
        "status": [c.STATUSES[code] for code in status],
        "http_status": [_or_null(c.HTTP[code]) for code in status],
        "error_type": [_or_null(c.ERRORS[code]) for code in status],
        "duration_ms": [repr(value) for value in calls.duration.tolist()],
        "ttft_ms": [NULL if value != value else repr(value) for value in calls.ttft.tolist()],
        "output_ms": [NULL if value != value else repr(value) for value in output.tolist()],
        "finish_reason": [_or_null(c.FINISHES[code]) for code in calls.finish.tolist()],
        "message_count": [str(count) for count in calls.messages.tolist()] if workload.endpoint == CHAT else NULL,
        "tag_set": [NULL if index < 0 else workload.tags[index] for index in calls.tag.tolist()],
    }


def _decisions(workload: Workload, calls: Calls) -> Column:
    """As the data plane writes it for a route: which attempt, and the providers of the targets in order."""
    if not workload.route:
        return NULL
    slugs = ",".join(f'"{MODELS[name][0]}"' for name in ROUTES[workload.route])
    return [f'{{"attempt":{attempt},"targets":[{slugs}]}}' for attempt in calls.attempt.tolist()]


def _usage(calls: Calls) -> dict[str, Column]:
    columns = {
        "input_tokens": calls.input,
        "cache_read_tokens": calls.cached,
        "cache_write_5m_tokens": calls.written,
        "output_tokens": calls.output,
        "reasoning_tokens": calls.reasoning,
        "tool_calls": calls.tool_calls,
    }
    texts: dict[str, Column] = {name: list(map(str, values.tolist())) for name, values in columns.items()}
    left = calls.status == c.CANCELLED
    return texts | {"cache_write_1h_tokens": "0", "usage_source": _choose(left, "counted", "reported")}


def _money(calls: Calls, prices: Prices) -> dict[str, Column]:
    """Charges, cost and list price; what consumed nothing is free, as the data plane books it."""
    quantities, costs, columns = prices.quantities(calls), prices.charges(calls), prices.columns(calls)
    free = (quantities == 0).all(axis=0)
    pieces = [
        _charges(prices.heads[row], prices.middles[row], columns, quantities[row], costs[row])
        for row in range(len(METERS))
    ]
    return {
        "charges": [f"[{','.join(filter(None, parts))}]" for parts in zip(*pieces, strict=True)],
        "cost": list(map(money, costs.sum(axis=0).tolist())),
        "list_cost": list(map(money, prices.list_cost(calls).tolist())),
        "price_status": _choose(free, "free", "priced"),
    }


def _charges(heads: Sequence[str], middles: Sequence[str], columns: Ints, quantity: Ints, cost: Ints) -> list[str]:
    rows = zip(columns.tolist(), quantity.tolist(), cost.tolist(), strict=True)
    return [
        f'{heads[column]}{count}{middles[column]}{money(units)}","currency":"USD"}}' if count else ""
        for column, count, units in rows
    ]


def _hashes(workload: Workload, calls: Calls) -> dict[str, Column]:
    """Fingerprints where the call succeeded, as the data plane leaves them: equal numbers, equal bytes."""
    fine = calls.status == c.OK
    own = _project_word(workload)
    caller = np.where(calls.end_user >= 0, calls.end_user + 1_000, calls.key)
    columns: dict[str, Column] = {
        "client_ip_hash": [f"\\\\x{text}" for text in _hex(_pair(caller + own, 3), 2)],
        "request_hmac": _where(fine, _hex(_pair(calls.hmac + own, 5), 2)),
    }
    if workload.endpoint == CHAT:
        columns["prefix_hmacs"] = _where(fine, prefixes_of(workload, calls))
    return columns


def prefixes_of(workload: Workload, calls: Calls) -> list[str]:
    """One 8-byte hash for each 512 tokens of the prompt, in hexadecimal: the shared start gives the same hashes in
    every request."""
    own = _project_word(workload)
    blocks = np.minimum(calls.input // BLOCK_TOKENS, MAX_PREFIXES)
    shared = np.minimum(calls.shared, blocks)
    constant = "".join(_hex(_mix(np.arange(MAX_PREFIXES, dtype=np.int64) + own, 7), 1))
    counts = blocks - shared
    row = np.repeat(calls.hmac + own, counts)
    ends = np.cumsum(counts)
    position = np.arange(len(row), dtype=np.int64) - np.repeat(ends - counts, counts)
    fresh = "".join(_hex(_mix(row, position + 11), 1))
    edges = zip(shared.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True)
    return [constant[: 16 * head] + fresh[16 * start : 16 * end] for head, start, end in edges]


def _project_word(workload: Workload) -> int:
    return int.from_bytes(workload.project.encode()[:6], "big")


# ---- columns of texts ----------------------------------------------------------------------------------------------
def _choose(which: c.Flags, yes: str, no: str) -> list[str]:
    return [yes if flag else no for flag in which.tolist()]


def _where(which: c.Flags, hexadecimal: Sequence[str]) -> list[str]:
    pairs = zip(which.tolist(), hexadecimal, strict=True)
    return [f"\\\\x{text}" if flag and text else NULL for flag, text in pairs]


def _or_null(value: object) -> str:
    return NULL if value is None else str(value)


def _times(ms: Ints) -> list[str]:
    texts: list[str] = np.datetime_as_string(ms.astype("datetime64[ms]"), timezone="UTC").tolist()
    return texts


def _mix(values: Ints, salt: int | Ints) -> Words:
    """SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014)."""
    offset = np.asarray(salt, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word = values.astype(np.uint64) + offset
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(word ^ (word >> np.uint64(31)))


def _pair(values: Ints, salt: int) -> Words:
    return np.stack([_mix(values, salt), _mix(values, salt + 1)], axis=1)


def _hex(words: Words, width: int) -> list[str]:
    """Big-endian hexadecimal of `width` words a row, without separators (PostgreSQL reads UUIDs like that too)."""
    text = words.astype(">u8").tobytes().hex()
    size = 16 * width
    return [text[start : start + size] for start in range(0, len(text), size)]


assert copy_row({}).count("\t") == len(COLUMNS) - 1
assert set(PROVIDERS) >= {model[0] for model in MODELS.values()}
