"""Findings, incidents and the score by hand; and the endpoint from the ledger and events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.security import Count, KeyFacts, findings_of, incidents_of, score_of
from gateway.models import KeySpend, SecurityEvent, VirtualKey
from tests.analytics.api.conftest import URL, Ask, ask, book, document, fits  # noqa: F401
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller, _fresh_throttles, caller  # noqa: F401

START = datetime(2026, 3, 10, tzinfo=UTC)
END = START + timedelta(days=1)
USUAL: dict[str, Any] = {
    "days_before": 20, "hours_before": {9: 600, 10: 400}, "models_before": {"a": 1000}, "addresses_before": {"aa": 9},
}  # fmt: skip


def key(**more: Any) -> KeyFacts:
    given = {
        "id": "k", "name": "ci", "created_at": END - timedelta(days=10), "last_used_at": END,
        "allows_all_models": False, "is_management": False, "never_expires": True,
    }  # fmt: skip
    return KeyFacts(**(given | more))


def kinds(facts: KeyFacts) -> list[str]:
    return [one.finding for one in findings_of([facts], START, END)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"last_used_at": END - timedelta(days=29, hours=23)}, []),
        ({"last_used_at": END - timedelta(days=30)}, ["unused"]),
        ({"last_used_at": None, "created_at": END - timedelta(days=31)}, ["unused"]),
        ({"created_at": END - timedelta(days=180)}, ["old"]),
        ({"is_management": True}, ["over_permitted"]),
        ({"is_management": True, "never_expires": False}, []),
        ({"allows_all_models": True, "models_now": {"a": 50}}, ["over_permitted"]),
        ({"allows_all_models": True, "models_now": {"a": 49}}, []),
        ({"allows_all_models": True, "models_now": dict.fromkeys("abcd", 50)}, []),
        (USUAL | {"addresses_now": {"bb": 5}}, ["unusual_ip"]),
        (USUAL | {"addresses_now": {"bb": 4}}, []),
        (USUAL | {"addresses_now": {"aa": 500}}, []),
        (USUAL | {"models_now": {"b": 5}}, ["unusual_model"]),
        (USUAL | {"hours_now": {3: 5}}, ["unusual_hour"]),
        (USUAL | {"hours_now": {9: 500}}, []),
        (USUAL | {"days_before": 6, "hours_now": {3: 99}, "models_now": {"b": 99}}, []),
        (USUAL | {"hours_before": {9: 49}, "hours_now": {3: 99}}, []),
    ],
)
def test_findings(more: dict[str, Any], expected: list[str]) -> None:
    assert kinds(key(**more)) == expected


def test_a_burst_is_an_incident_and_the_day_after_is_another() -> None:
    counts = [Count("failed_auth", "ci", START + timedelta(minutes=30 * i), 10) for i in range(2)]
    counts += [Count("failed_auth", "ci", START + timedelta(hours=30), 200), Count("denied", "ci", START, 19)]

    later, first = incidents_of(counts, [], START + timedelta(hours=31))

    assert (first.title, first.severity, first.status, first.count) == (
        "Failed sign-ins with the key ci", "medium", "resolved", 20,
    )  # fmt: skip
    assert (first.detected_at, first.resolved_at) == (START, START + timedelta(minutes=30))
    assert (later.severity, later.status, later.resolved_at) == ("high", "open", None)
    assert incidents_of(counts, [], START + timedelta(hours=31))[1].id == first.id


def test_the_score_by_hand() -> None:
    findings = findings_of([key(last_used_at=None, created_at=END - timedelta(days=200))], START, END)
    incidents = incidents_of([Count("denied", "ci", END - timedelta(hours=1), 20)], findings, END)

    score, parts = score_of(keys=4, findings=findings, incidents=incidents, calls=1000, refused=20)

    # 25 % unused and 25 % old: 3.75 each; 2 % refused: 2; one open medium incident: 5
    assert {part.name: part.penalty for part in parts if part.penalty} == {
        "unused_keys": 3.75, "old_keys": 3.75, "refused_calls": 2.0, "open_incidents": 5.0,
    }  # fmt: skip
    assert score == 85.5
    assert score_of(keys=0, findings=[], incidents=[], calls=0, refused=0)[0] is None


def test_parts_are_capped() -> None:
    score, parts = score_of(keys=1, findings=[], incidents=[], calls=100, refused=100)

    assert (score, next(part.penalty for part in parts if part.name == "refused_calls")) == (90.0, 10)


@pytest.fixture
def watched(company: Acme) -> Acme:
    """Bob's key with 30 quiet days, then a new address and model; failed sign-ins with its prefix; a guardrail."""
    bob = company.keys["bob"]
    known, strange = b"\x01" * 8, b"\x02" * 8
    lines = [
        line(company, at=START - timedelta(days=1 + i % 10, hours=14), client_ip_hash=known, cost=Decimal(0))
        for i in range(60)
    ]
    lines += [
        line(company, at=START + timedelta(hours=10, minutes=i), client_ip_hash=strange, model_served="new-model")
        for i in range(6)
    ]
    lines += [line(company, at=START + timedelta(hours=11), kind="denied", status="denied", http_status=402)]
    book(*lines)
    VirtualKey.objects.update(created_at=START - timedelta(days=20))
    KeySpend.objects.update(last_used_at=END)
    SecurityEvent.objects.create(at=START + timedelta(hours=3), kind="invalid_key", prefix=bob.prefix, count=25)
    SecurityEvent.objects.create(at=START + timedelta(hours=3), kind="invalid_key", prefix="gw-stranger", count=99)
    SecurityEvent.objects.create(
        at=START + timedelta(hours=4), kind="guardrail", organization=company.organization.pk, action="flag", count=3,
        guardrail=company.guardrail.pk,
    )  # fmt: skip
    return company


def test_the_endpoint_from_the_ledger(ask: Ask, watched: Acme) -> None:  # noqa: F811
    body = ask("analyst", "analytics/security", start=START.isoformat(), end=END.isoformat())

    assert (body["failed_auth"], body["blocked"], body["guardrail_hits"]) == (25, 1, 3)
    bob = str(watched.keys["bob"].pk)
    found = {(one["finding"], one["since"]) for one in body["key_findings"] if one["key"] == bob}
    assert ("unusual_ip", "2026-03-10T10:00:00Z") in found
    assert "unusual_model" in {kind for kind, _ in found}
    assert body["guardrails"][0]["count"] == 3
    assert any(one["title"].startswith("Failed sign-ins") for one in body["incidents"])
    assert body["trend"] == [
        {"time": "2026-03-10T00:00:00Z", "failed_auth": 25, "blocked": 1, "guardrail_hits": 3}
    ]  # fmt: skip
    assert body["score"] == pytest.approx(100 - sum(part["penalty"] for part in body["parts"]))


def test_another_organization_sees_nothing_of_it(caller: Caller, watched: Acme) -> None:  # noqa: F811
    span = {"start": START.isoformat(), "end": END.isoformat()}
    body = caller("mallory").post(f"{URL}/analytics/security", span).json()

    assert (body["failed_auth"], body["guardrail_hits"], body["incidents"], body["score"]) == (0, 0, [], None)
    assert caller("developer").post(f"{URL}/analytics/security", span).status_code == 403
