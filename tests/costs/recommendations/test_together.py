"""Applying and searching at the same time as themselves."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections

from costs.models import Recommendation
from costs.recommendations import services
from costs.recommendations.changes import name_of
from costs.recommendations.store import Stored, store
from costs.savings.proposals import Slice
from gateway.models import AuditEvent, CachePolicy, Route, RouteTarget
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import END, findings, proposal, repeated
from tests.factories import Acme
from tests.gateway.dataplane.stack import ROOT

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


def test_savings_that_share_a_route_and_a_cache_are_applied_at_once(company: Acme, kept: Kept) -> None:
    """One of them makes the route, one the cache policy; the others find it."""
    search = company.search.pk
    rows = [
        kept(one)
        for one in (
            proposal(company), proposal(company, key="team", slice=Slice(team=str(search), model="gpt-4o")),
            proposal(company, key="all", slice=Slice(model="gpt-4o")), repeated(company),
            repeated(company, key="another model"), repeated(company, key="a third"),
        )
    ]  # fmt: skip
    waiting = iter(rows)

    got = at_once(
        lambda: services.apply_recommendation(recommendation=next(waiting), actor=company.people["adam"]).state
    )

    assert got == ["applied"] * AT_ONCE
    rules = Route.objects.get(alias="gpt-4o").config["rules"]
    assert {rule["name"] for rule in rules} >= {name_of(row) for row in rows[:3]}
    assert CachePolicy.objects.filter(project=company.banner).count() == 1


def test_applying_and_taking_back_at_once_is_one_after_the_other(company: Acme, kept: Kept) -> None:
    row = kept(proposal(company))
    verbs = iter([services.apply_recommendation, services.revert_recommendation] * (AT_ONCE // 2))

    at_once(lambda: next(verbs)(recommendation=row, actor=company.people["adam"]).state)

    row.refresh_from_db()
    done = AuditEvent.objects.filter(verb__startswith="recommendation.").order_by("id").values_list("verb", flat=True)
    assert list(done) == [("recommendation.apply", "recommendation.revert")[n % 2] for n in range(len(done))]
    assert Route.objects.filter(alias="gpt-4o").count() == len(done) % 2 == int(row.state == "applied")


KILLED = """
import os, sys, time
import django
django.setup()
from costs.models import Recommendation
from costs.recommendations import services
from gateway.services import audit

record, verb = audit.record, sys.argv[2]

def wait(**facts):
    if facts["verb"] != verb:
        return record(**facts)
    print("here", flush=True)
    time.sleep(600)

services.audit.record = wait
row = Recommendation.objects.get(pk=sys.argv[1])
work = services.apply_recommendation if verb.endswith("apply") else services.revert_recommendation
work(recommendation=row, actor=None)
"""


@pytest.mark.slow
@pytest.mark.parametrize("category", ["cheaper_model", "duplicate_caching"])
def test_a_process_that_is_killed_half_way_leaves_all_as_it_was(company: Acme, kept: Kept, category: str) -> None:
    """Killed when everything is written and nothing is committed; what comes next finds no lock."""
    row = kept(proposal(company) if category == "cheaper_model" else repeated(company))
    before = made()

    killed_in(row, "recommendation.apply")
    after_apply, state = made(), Recommendation.objects.get(pk=row.pk).state
    services.apply_recommendation(recommendation=row, actor=company.people["adam"])
    applied = made()
    killed_in(row, "recommendation.revert")

    assert (after_apply, state) == (before, "open")
    assert (made(), Recommendation.objects.get(pk=row.pk).state) == (applied, "applied")
    assert applied != before
    services.revert_recommendation(recommendation=row, actor=company.people["adam"])
    assert made() == before


def made() -> list[object]:
    """What applying may have changed in the gateway."""
    routes = Route.objects.order_by("pk").values("alias", "config")
    targets = RouteTarget.objects.order_by("pk").values("model", "priority")
    return [*routes, *targets, *CachePolicy.objects.order_by("pk").values("project", "is_enabled", "ttl_s")]


def killed_in(row: Recommendation, verb: str) -> None:
    """Do it in a process of its own, which is killed just before it would write the audit event."""
    url = settings.DATABASE_DIRECT_URL.replace("/gateway?", f"/{connections['default'].settings_dict['NAME']}?")
    environment = {**os.environ, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    command = [sys.executable, "-c", KILLED, str(row.pk), verb]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
