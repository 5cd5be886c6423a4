"""Says what is wrong in the evidence of a run. Pure: every check is a function of `Evidence`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

from bench.chaos.evidence import Call, Delivery, Evidence, Line, Message, Notice

MILLION = Decimal(1_000_000)
LAST_PLACE = Decimal("1e-10")
EXAMPLES = 5
CLOCK_S = 1.0
"""The sinks' clock and the database's agree within it."""
WITHOUT_LINE = frozenset(
    {
        "invalid_api_key", "invalid_json", "invalid_request", "idempotency_unavailable", "idempotency_in_flight",
        "budget_unavailable", "ledger_unavailable", "configuration_stale", "",
    }
)  # fmt: skip
"""Codes of refusals that leave no line (docs/reference/errors.md); they reach no provider. Empty: no head arrived."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be. `check` names the promise."""

    check: str
    text: str


Check = Callable[[Evidence], Iterator[str]]


def judge(evidence: Evidence, checks: Sequence[Check] = ()) -> list[Finding]:
    """Every finding of the checks (none named: of all), at most `EXAMPLES` of each and how many more there are."""
    found: list[Finding] = []
    for check in checks or CHECKS:
        texts = list(check(evidence))
        name = (check.__doc__ or "").strip().rstrip(".")
        found += [Finding(name, text) for text in texts[:EXAMPLES]]
        if len(texts) > EXAMPLES:
            found.append(Finding(name, f"and {len(texts) - EXAMPLES} more"))
    return found


def _attempts(evidence: Evidence) -> list[Line]:
    return [line for line in evidence.lines if line.kind == "attempt"]


def each_attempt_has_one_line(evidence: Evidence) -> Iterator[str]:
    """Each request that reached a provider has one line."""
    count = Counter(line.id for line in _attempts(evidence))
    for seen in evidence.seen:
        if (lines := count[seen.attempt_id]) != 1:
            yield f"attempt {seen.attempt_id} ({seen.outcome}, {seen.status}): {lines} lines"


def each_id_is_unique(evidence: Evidence) -> Iterator[str]:
    """No line is there twice."""
    count = Counter(line.id for line in evidence.lines)
    yield from (f"line {identity}: {times} times" for identity, times in count.items() if times > 1)


def each_answer_came_from_a_provider(evidence: Evidence) -> Iterator[str]:
    """Each line with a provider's answer was seen by a provider."""
    known = {seen.attempt_id for seen in evidence.seen}
    for line in _attempts(evidence):
        if line.http_status is not None and line.id not in known and line.id not in evidence.rescued:
            yield f"line {line.id}: HTTP {line.http_status} of nobody"


def each_call_has_its_lines(evidence: Evidence) -> Iterator[str]:
    """Each call that was answered has its lines, one of them final, saying what the caller saw."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in evidence.lines:
        if line.kind != "adjustment":
            lines[line.request_id].append(line)
    for call in evidence.calls:
        if call.is_replay or (call.status != 200 and call.code in WITHOUT_LINE):
            continue
        final = [line for line in lines[call.request_id] if line.is_final]
        if len(final) != 1:
            yield f"{call.kind} {call.request_id} (HTTP {call.status}): {len(final)} final lines"
        elif problem := _differs(call, final[0]):
            yield f"{call.kind} {call.request_id}: {problem}"


def nobody_meets_a_defect(evidence: Evidence) -> Iterator[str]:
    """No call is refused by a defect of the gateway."""
    for call in evidence.calls:
        if call.code in ("internal_error", "invalid_api_key"):  # every caller's key is valid
            yield f"{call.kind} {call.request_id}: {call.code}"


def _differs(call: Call, line: Line) -> str:
    if call.status != 200 or not call.is_whole:
        return ""
    if line.status != "ok":
        return f"a whole answer, but the line says {line.status}"
    if call.cost is not None and line.cost is not None and call.cost != line.cost:
        return f"the caller was told {call.cost}, the line says {line.cost}"
    return ""


def reported_usage_is_charged(evidence: Evidence) -> Iterator[str]:
    """What a provider reported is what is charged, at the price."""
    told = {seen.attempt_id: seen.tokens for seen in evidence.seen}
    for line in _attempts(evidence):
        tokens = told.get(line.id)
        if line.status != "ok" or line.usage_source != "reported" or tokens is None:
            continue
        if line.tokens != tokens:
            yield f"line {line.id}: {line.tokens} tokens, the provider's journal has {tokens}"
        elif (price := _price(evidence.prices, line)) is not None and line.cost != price:
            yield f"line {line.id}: costs {line.cost}, {tokens} tokens of {line.model} cost {price}"


def _price(prices: Mapping[str, tuple[Decimal, Decimal]], line: Line) -> Decimal | None:
    """Each charge is rounded, the total is their sum."""
    if (rates := prices.get(line.model)) is None:
        return None
    charges = (Decimal(count) * rate / MILLION for count, rate in zip(line.tokens, rates, strict=True))
    return sum((charge.quantize(LAST_PLACE, ROUND_HALF_EVEN) for charge in charges), Decimal(0))


def guesses_are_flagged(evidence: Evidence) -> Iterator[str]:
    """What broke is not shown as reported."""
    for line in _attempts(evidence):
        if line.status == "interrupted" and line.usage_source != "estimated":
            yield f"line {line.id}: interrupted, but {line.usage_source}"


def budgets_hold(evidence: Evidence) -> Iterator[str]:
    """No hard budget is overspent."""
    for limit in evidence.limits:
        if limit.spent > limit.amount:
            yield f"{limit.name}: {limit.spent} of {limit.amount} spent"


def messages_arrive(evidence: Evidence) -> Iterator[str]:
    """Each mail and event that was due arrived."""
    arrived = {each.id for each in evidence.deliveries if each.is_acknowledged}
    known = {message.id for message in evidence.messages}
    for message in evidence.messages:
        if message.is_dead:
            yield f"{message.id}: given up"
        elif message.delivered_at is None:
            yield f"{message.id}: not delivered"
        elif message.reaches_sink and message.id not in arrived:
            yield f"{message.id}: said to be delivered, but nobody got it"
    yield from (f"{name}: promised, but not there" for name in evidence.promised if name not in known)


def nothing_is_sent_again(evidence: Evidence) -> Iterator[str]:
    """Nothing is sent again after it was delivered."""
    messages = {message.id: message for message in evidence.messages}
    by_id: dict[str, list[Delivery]] = defaultdict(list)
    for each in sorted(evidence.deliveries, key=lambda each: each.at):
        by_id[each.id].append(each)
    for identity, deliveries in by_id.items():
        if (message := messages.get(identity)) is None:
            yield f"{identity}: delivered, but no message says it"
        else:
            yield from _repeats(message, deliveries, evidence.disturbed)


def _repeats(message: Message, deliveries: list[Delivery], disturbed: Iterable[tuple[float, float]]) -> Iterator[str]:
    for earlier, later in pairwise(deliveries):
        if message.delivered_at is not None and later.at > message.delivered_at + CLOCK_S:
            yield f"{message.id}: sent again {later.at - message.delivered_at:.1f} s after its delivery was booked"
        elif earlier.is_acknowledged and not any(
            began <= later.at and earlier.at <= ended for began, ended in disturbed
        ):
            yield f"{message.id}: sent again {later.at - earlier.at:.1f} s after it was acknowledged, for no reason"


def thresholds_are_told_once(evidence: Evidence) -> Iterator[str]:
    """Each threshold of a budget that was reached was told once."""
    for watch in evidence.watches:
        fired = [notice for notice in watch.notices if notice.kind == "fired"]
        told = {notice.threshold for notice in fired}
        yield from (f"{watch.name}: {each:f} % reached, nobody told" for each in watch.reached if each not in told)
        if watch.reached:
            times = Counter((notice.subject, notice.threshold) for notice in fired)
            yield from (
                f"{watch.name}: {each:f} % told {count} times" for (_, each), count in times.items() if count > 1
            )


def alerts_take_turns(evidence: Evidence) -> Iterator[str]:
    """Each alert fires once until it is resolved, for a reason, and repeats itself no sooner than it should."""
    for watch in evidence.watches:
        by_subject: dict[str, list[Notice]] = defaultdict(list)
        for notice in sorted(watch.notices, key=lambda notice: notice.at):
            by_subject[notice.subject].append(notice)
        for notices in by_subject.values():
            yield from (f"{watch.name}: {problem}" for problem in _out_of_turn(notices, watch.repeat_s))


def _out_of_turn(notices: Sequence[Notice], repeat_s: float) -> Iterator[str]:
    is_firing, told_at = False, 0.0
    for notice in notices:
        if notice.kind == "fired" and is_firing:
            yield "fired while it was firing"
        if notice.kind == "fired" and notice.value < notice.threshold:
            yield f"fired at {notice.value:f}, below its threshold of {notice.threshold:f}"
        if notice.kind != "fired" and not is_firing:
            yield f"{notice.kind} without having fired"
        if notice.kind == "repeated" and (not repeat_s or notice.at - told_at < repeat_s):
            yield f"repeated after {notice.at - told_at:.0f} s"
        is_firing, told_at = notice.kind != "resolved", notice.at


def notices_go_by_every_channel(evidence: Evidence) -> Iterator[str]:
    """Each notice of an alert became one message for each channel."""
    known = {message.id for message in evidence.messages}
    for watch in evidence.watches:
        for notice in watch.notices:
            count = len(known.intersection(notice.messages))
            if count != watch.channels or len(notice.messages) != watch.channels:
                yield f"{watch.name}: {notice.kind}, {len(notice.messages)} messages, {count} of them in the outbox"


def reports_run_once(evidence: Evidence) -> Iterator[str]:
    """Each report that was due was made once."""
    yield from (f"due {moment}: {runs} runs" for moment, runs in evidence.due_reports.items() if runs != 1)


def one_answer_for_one_key(evidence: Evidence) -> Iterator[str]:
    """All answers to one idempotency key are the same."""
    answers: dict[str, set[str]] = defaultdict(set)
    for call in evidence.calls:
        if call.idempotency_key and call.status == 200 and call.is_whole:
            answers[call.idempotency_key].add(call.answer_id)
    yield from (f"key {key}: {len(ids)} different answers" for key, ids in answers.items() if len(ids) > 1)


def poison_is_set_aside(evidence: Evidence) -> Iterator[str]:
    """What cannot be booked is in quarantine, nothing else is, and what stands behind it is booked."""
    yield from (f"{position}: not in quarantine" for position in sorted(evidence.poison - evidence.quarantined))
    yield from (f"{position}: in quarantine" for position in sorted(evidence.quarantined - evidence.poison))
    booked = {line.id for line in evidence.lines}
    yield from (f"line {identity} stands behind poison and is lost" for identity in sorted(evidence.rescued - booked))


def books_verify(evidence: Evidence) -> Iterator[str]:
    """verify_ledger finds ledger, rollups, budgets and audit chains consistent."""
    if evidence.verify:
        yield evidence.verify


CHECKS: tuple[Check, ...] = (
    each_attempt_has_one_line,
    each_id_is_unique,
    each_answer_came_from_a_provider,
    each_call_has_its_lines,
    nobody_meets_a_defect,
    reported_usage_is_charged,
    guesses_are_flagged,
    budgets_hold,
    messages_arrive,
    nothing_is_sent_again,
    thresholds_are_told_once,
    alerts_take_turns,
    notices_go_by_every_channel,
    reports_run_once,
    one_answer_for_one_key,
    poison_is_set_aside,
    books_verify,
)
