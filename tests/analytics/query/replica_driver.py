"""A process with a primary and a replica: reads a command a line, answers a line of JSON. Started by `test_replica`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

django.setup()

from django.db import connections  # noqa: E402

from analytics import cache  # noqa: E402
from analytics.console.status import system_status  # noqa: E402
from analytics.query import Query, run  # noqa: E402
from analytics.rollups.marks import drain_marks  # noqa: E402
from config.doctor import data  # noqa: E402
from gateway import monitoring, replica  # noqa: E402
from gateway.models import Organization, User  # noqa: E402

AT = datetime(2026, 6, 10, 9, tzinfo=UTC)
replica.ASKED_EVERY_S, replica.AWAY_S = 0.05, 0.2
asked: list[str] = []


def _note(execute: Any, sql: str, *args: Any) -> Any:
    asked.append(sql)
    return execute(sql, *args)


def ask() -> dict[str, Any]:
    """The number of requests, and whether the replica answered."""
    asked.clear()
    cache.clear()
    window = {"start": AT - timedelta(days=1), "end": AT + timedelta(days=1)}
    query = Query(measures=["requests"], organization=Organization.objects.get(slug="acme"), **window)
    with connections["replica"].execute_wrapper(_note):
        result = run(User.objects.get(username="alice"), query, is_fresh=True)
    used = any("rollupstate" not in sql and "analytics_" in sql for sql in asked)
    found = replica.state()
    assert found is not None
    modes = [sql for sql in asked if "REPEATABLE READ" in sql]
    return {"requests": result.totals["requests"], "replica": used, "reason": found.reason, "snapshots": len(modes),
            "stale": result.stale}  # fmt: skip


def seed() -> dict[str, Any]:
    """A company with a line, on the primary."""
    from tests.factories import OrganizationFactory, UserFactory

    organization = OrganizationFactory(slug="acme")
    user = UserFactory(username="alice", email="alice@example.com")
    organization.memberships.create(user=user, role="owner")
    return book()


def book() -> dict[str, Any]:
    """One more line, in the rollups too."""
    from tests.factories import ProjectFactory, book_lines

    organization = Organization.objects.get(slug="acme")
    project = organization.projects.first() or ProjectFactory(organization=organization)
    from gateway.ledger.ids import ms_of, uuid7

    line = {
        "id": uuid7(ms_of(AT)), "request_id": "r", "organization": organization.pk, "project": project.pk,
        "team": project.team_id, "api_key": None, "user": None, "kind": "attempt", "endpoint": "chat/completions",
        "provider": "p", "model_requested": "m", "model_served": "m", "status": "ok", "input_tokens": 1,
        "usage_source": "reported", "price_status": "free", "cost": 0, "list_cost": 0, "charges": [],
    }  # fmt: skip
    book_lines(line)
    drain_marks()
    return {}


def seen() -> dict[str, Any]:
    """What operators see of it."""
    data.unreachable.cache_clear()
    samples = [line for line in monitoring.lines() if line.startswith("gateway_replica")]
    part = next(part for part in system_status().parts if part.name == "Read replica")
    return {"doctor": data.read_replica().outcome, "samples": samples, "status": part.state}


for command in sys.stdin:
    print(json.dumps(globals()[command.strip()]()), flush=True)
