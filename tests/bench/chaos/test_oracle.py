"""The oracle says what is wrong: evidence of a good run, then the same with one thing changed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bench.chaos.evidence import Call, Delivery, Evidence, Limit, Line, Message, Notice, Seen, Watch
from bench.chaos.oracle import judge

PRICES = {"m": (Decimal("0.15"), Decimal("0.60"))}
COST = Decimal("0.0000078000")  # 20 × 0.15 + 8 × 0.60 dollars a million
SEEN = Seen("a1", "completed", 200, (20, 8))
LINE = Line("a1", "r1", model="m", tokens=(20, 8), cost=COST)
CALL = Call("chat", "r1", 200, is_whole=True, cost=COST)
CUT = Line("a2", "r2", status="interrupted", http_status=None, usage_source="estimated", model="m", cost=COST)
TOLD = Notice("month actual 10", "fired", 60.0, Decimal(12), Decimal(10), ["mail", "event"])
BUDGET = Watch("budget", 2, [TOLD], reached=[Decimal(10)])
FIRED = Notice("", "fired", 60.0, Decimal(7), Decimal(6), ["event"])
ERRORS = Watch(
    "errors", 1, [FIRED, replace(FIRED, kind="repeated", at=960.0), replace(FIRED, kind="resolved", at=1_000.0),
                  replace(FIRED, at=1_060.0)], repeat_s=900.0,
)  # fmt: skip
GOOD = Evidence(
    seen=[SEEN, Seen("a2", "client_gone", 200, (20, 3))],
    lines=[
        LINE, CUT, Line("d1", "r3", kind="denied", status="denied", http_status=402), Line("p1", "r4", kind="denied"),
    ],
    calls=[CALL, Call("races", "r3", 402, is_whole=True, code="budget_exceeded"), Call("chat", "", 0, is_whole=False)],
    limits=[Limit("key", Decimal(1), Decimal(1))],
    deliveries=[Delivery("mail", 100.0, is_acknowledged=False), Delivery("mail", 105.0), Delivery("event", 100.0)],
    messages=[Message("mail", 105.1), Message("event", 100.1)],
    promised=["mail"],
    due_reports={"noon": 1},
    watches=[BUDGET, ERRORS],
    prices=PRICES,
    poison=frozenset({"spool:x 1:0"}),
    quarantined=frozenset({"spool:x 1:0"}),
    rescued=frozenset({"p1"}),
)  # fmt: skip


def texts(**changes: Any) -> list[str]:
    return [finding.text for finding in judge(replace(GOOD, **changes))]


def test_a_good_run_has_no_findings() -> None:
    assert texts() == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"lines": GOOD.lines[1:]}, ["attempt a1 (completed, 200): 0 lines", "chat r1 (HTTP 200): 0 final lines"]),
        (
            {"lines": [*GOOD.lines, LINE]},
            ["attempt a1 (completed, 200): 2 lines", "line a1: 2 times", "chat r1 (HTTP 200): 2 final lines"],
        ),
        ({"lines": [*GOOD.lines, Line("a9", "r9")]}, ["line a9: HTTP 200 of nobody"]),
        ({"calls": [Call("chat", "r8", 429, is_whole=True, code="rate_limit_exceeded")]},
         ["chat r8 (HTTP 429): 0 final lines"]),
        ({"calls": [replace(CALL, cost=Decimal(2))]}, ["chat r1: the caller was told 2, the line says 0.0000078000"]),
        ({"calls": [Call("chat", "r2", 200, is_whole=True)]},
         ["chat r2: a whole answer, but the line says interrupted"]),
        ({"calls": [Call("chat", "r5", 500, is_whole=True, code="internal_error")]},
         ["chat r5 (HTTP 500): 0 final lines", "chat r5: internal_error"]),
        ({"seen": [replace(SEEN, tokens=(20, 9)), *GOOD.seen[1:]]},
         ["line a1: (20, 8) tokens, the provider's journal has (20, 9)"]),
        ({"prices": {"m": (Decimal(1), Decimal(1))}},
         ["line a1: costs 0.0000078000, (20, 8) tokens of m cost 0.0000280000"]),
        ({"lines": [LINE, replace(CUT, usage_source="reported"), *GOOD.lines[2:]]},
         ["line a2: interrupted, but reported"]),
        ({"limits": [Limit("key", Decimal(1), Decimal("1.0000000001"))]}, ["key: 1.0000000001 of 1 spent"]),
        ({"watches": [replace(BUDGET, notices=[])]}, ["budget: 10 % reached, nobody told"]),
        ({"watches": [replace(BUDGET, notices=[TOLD, replace(TOLD, at=120.0)])]},
         ["budget: 10 % told 2 times", "budget: fired while it was firing"]),
        ({"watches": [replace(BUDGET, notices=[TOLD, replace(TOLD, kind="repeated", at=120.0)])]},
         ["budget: repeated after 60 s"]),
        ({"watches": [replace(BUDGET, notices=[replace(TOLD, value=Decimal(9))])]},
         ["budget: fired at 9, below its threshold of 10"]),
        ({"watches": [replace(BUDGET, notices=[replace(TOLD, messages=["mail"])])]},
         ["budget: fired, 1 messages, 1 of them in the outbox"]),
        ({"watches": [replace(BUDGET, notices=[replace(TOLD, messages=["mail", "gone"])])]},
         ["budget: fired, 2 messages, 1 of them in the outbox"]),
        ({"watches": [replace(ERRORS, notices=[replace(FIRED, kind="resolved")])]},
         ["errors: resolved without having fired"]),
        ({"watches": [replace(ERRORS, notices=[FIRED, replace(FIRED, kind="repeated", at=900.0)])]},
         ["errors: repeated after 840 s"]),
        ({"messages": [Message("mail", None), Message("event", 100.1)]}, ["mail: not delivered"]),
        ({"messages": [Message("mail", 105.1), Message("event", None, is_dead=True)]}, ["event: given up"]),
        ({"deliveries": GOOD.deliveries[:2]}, ["event: said to be delivered, but nobody got it"]),
        ({"promised": ["other"]}, ["other: promised, but not there"]),
        ({"deliveries": [*GOOD.deliveries, Delivery("event", 130.0)]},
         ["event: sent again 29.9 s after its delivery was booked"]),
        ({"deliveries": [*GOOD.deliveries, Delivery("event", 100.5)]},
         ["event: sent again 0.5 s after it was acknowledged, for no reason"]),
        ({"deliveries": [*GOOD.deliveries, Delivery("ghost", 1.0)]}, ["ghost: delivered, but no message says it"]),
        ({"due_reports": {"noon": 2}}, ["due noon: 2 runs"]),
        ({"due_reports": {"noon": 0}}, ["due noon: 0 runs"]),
        ({"quarantined": frozenset()}, ["spool:x 1:0: not in quarantine"]),
        ({"poison": frozenset()}, ["spool:x 1:0: in quarantine"]),
        ({"lines": GOOD.lines[:3]}, ["line p1 stands behind poison and is lost"]),
        ({"verify": "rollups = ledger: 1 wrong"}, ["rollups = ledger: 1 wrong"]),
    ],
)  # fmt: skip
def test_one_thing_that_is_wrong_is_found(changes: dict[str, Any], found: list[str]) -> None:
    assert texts(**changes) == found


def test_a_delivery_may_be_repeated_while_its_booking_could_be_lost() -> None:
    twice = [Delivery("mail", 105.0), Delivery("event", 99.0), Delivery("event", 100.0)]

    assert texts(deliveries=twice, disturbed=[(98.0, 101.0)]) == []
    assert texts(deliveries=twice, disturbed=[(90.0, 98.0)]) == [
        "event: sent again 1.0 s after it was acknowledged, for no reason"
    ]


def test_answers_to_one_idempotency_key_are_one() -> None:
    first = replace(CALL, idempotency_key="k", answer_id="x")

    assert texts(calls=[first, replace(first, request_id="r7", is_replay=True)]) == []
    assert texts(calls=[first, replace(first, request_id="r7", is_replay=True, answer_id="y")]) == [
        "key k: 2 different answers"
    ]


def test_many_findings_of_a_kind_are_counted() -> None:
    lost = [Seen(f"b{n}") for n in range(8)]

    assert texts(seen=[*GOOD.seen, *lost])[5:] == ["and 3 more"]
