"""What was seen of a run from every side, as plain values: the provider's journal, the ledger, callers, sinks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached a provider. `tokens` (input, output) of its end, None while or unless it ended well."""

    attempt_id: str
    outcome: str = "completed"
    status: int | None = 200
    tokens: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger."""

    id: str
    request_id: str
    kind: str = "attempt"
    is_final: bool = True
    status: str = "ok"
    http_status: int | None = 200
    usage_source: str = "reported"
    model: str = ""
    tokens: tuple[int, int] = (0, 0)
    cost: Decimal | None = Decimal(0)
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller saw. `status` 0: no head arrived. `cost`: the header, None when it said nothing of it."""

    kind: str
    request_id: str
    status: int
    is_whole: bool
    cost: Decimal | None = None
    code: str = ""
    idempotency_key: str = ""
    is_replay: bool = False
    answer_id: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard budget or a key's own: what it allows and what its lines cost."""

    name: str
    amount: Decimal
    spent: Decimal


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail or an event that a sink took; `is_acknowledged`: and said so."""

    id: str
    at: float
    is_acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """An outbox message; `delivered_at` when the gateway committed that it is done."""

    id: str
    delivered_at: float | None
    is_dead: bool = False
    reaches_sink: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of an alert, found in the minute `at` (Unix seconds). `kind`: fired, repeated or resolved. `value` is
    what was measured against the `threshold`; `messages` are what it became in the outbox."""

    subject: str
    kind: str
    at: float
    value: Decimal = Decimal(0)
    threshold: Decimal = Decimal(0)
    messages: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """An alert rule on the traffic of the run. `reached`: of a budget's rule, the thresholds that its spend has
    reached, in percent; each is told once. `repeat_s` 0: it is told once that it fires."""

    name: str
    channels: int
    notices: Sequence[Notice] = ()
    reached: Sequence[Decimal] = ()
    repeat_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the oracle looks at. `disturbed`: times at which an acknowledgement may have been lost on its way into
    the database, so that one more delivery is what was promised. `prices`: model → price of a million (input, output)
    tokens."""

    seen: Sequence[Seen] = ()
    lines: Sequence[Line] = ()
    calls: Sequence[Call] = ()
    limits: Sequence[Limit] = ()
    deliveries: Sequence[Delivery] = ()
    messages: Sequence[Message] = ()
    promised: Sequence[str] = ()
    """Outbox messages of events that somebody was told are made."""
    due_reports: Mapping[str, int] = field(default_factory=dict)
    """Moment a report was due → runs that were made of it."""
    watches: Sequence[Watch] = ()
    disturbed: Sequence[tuple[float, float]] = ()
    prices: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    poison: frozenset[str] = frozenset()
    """Positions that belong into quarantine."""
    quarantined: frozenset[str] = frozenset()
    rescued: frozenset[str] = frozenset()
    """Lines that stand behind poison in a spool."""
    verify: str = ""
    """What `verify_ledger` found wrong."""
