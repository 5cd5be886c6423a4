"""Applying and searching at the same time as themselves."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from costs.models import Recommendation
from costs.recommendations import services
from costs.recommendations.store import Stored, store
from gateway.models import AuditEvent, Route
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import END, findings, proposal, repeated
from tests.factories import Acme

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 6


def at_once(work: Callable[[], object]) -> list[object]:
    """What each of several connections got that began together."""
    gate, got = threading.Barrier(AT_ONCE), list[object]()

    def run() -> None:
        gate.wait()
        try:
            got.append(work())
        except Exception as error:  # told by the assertion
            got.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_it_is_applied_once(company: Acme, kept: Kept) -> None:
    row = kept(proposal(company))

    got = at_once(lambda: services.apply_recommendation(recommendation=row, actor=company.people["adam"]).state)

    assert got == ["applied"] * AT_ONCE
    assert Route.objects.filter(alias="gpt-4o").count() == 1
    assert AuditEvent.objects.filter(verb="recommendation.apply").count() == 1


def test_findings_are_stored_once(company: Acme) -> None:
    found = findings(proposal(company), repeated(company))
    now = END + timedelta(hours=1)

    got = at_once(lambda: store(company.organization, found, now=now))

    assert all(isinstance(one, Stored) for one in got), got
    assert sum(one.opened for one in got if isinstance(one, Stored)) == 2
    assert Recommendation.objects.filter(organization=company.organization).count() == 2
