"""What is beside requests and pages keeps to its organization too: background tasks, sums, caches."""

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.tasks import rollup_marks
from config.celery import app
from tests import factories
from tests.gateway.api.conftest import PEOPLE, Caller
from tests.gateway.api.conftest import caller as caller
from tests.gateway.api.conftest import company as company

OURS = ("gateway.", "analytics.", "costs.", "finetuning.", "sdkgen.", "config.")


def test_no_task_takes_anything_that_a_message_could_forge() -> None:
    """Tasks find their work in rows whose organization the services wrote; a message says only that it is time."""
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if name.startswith(OURS)}

    taking = {name: list(inspect.signature(task.run).parameters) for name, task in ours.items()}

    assert len(ours) > 30
    # a shard is a share of all organizations, not one of them
    sharded = ("analytics.forecast", "analytics.rollup_marks", "analytics.scan_anomalies")
    assert {name: taken for name, taken in taking.items() if taken} == {name: ["shard"] for name in sharded}


@pytest.mark.parametrize("name", ["gateway.usage_imports", "analytics.exports", "analytics.report_runs"])
def test_a_forged_message_does_nothing(name: str) -> None:
    app.loader.import_default_modules()
    with pytest.raises(TypeError, match="argument"):
        app.tasks[name].apply(args=["0192f0c4-0000-7000-8000-000000000000"], throw=True)


@pytest.mark.django_db
def test_sums_are_those_of_the_callers_scope_whoever_asked_before(company: factories.Acme, caller: Caller) -> None:
    """The answers come from a cache the second time: its keys hold the scope."""
    at = datetime.now(UTC) - timedelta(hours=2)
    factories.book_lines(
        *(factories.line(company, at=at) for _ in range(3)), factories.line(company, project=company.banner, at=at)
    )
    rollup_marks()
    asked = {
        "start": (at - timedelta(hours=3)).isoformat(), "end": datetime.now(UTC).isoformat(), "measures": ["requests"],
    }  # fmt: skip
    people = ["owner", "developer", "mallory", "manager", "analyst", "admin", "superuser"]
    assert set(people) == set(PEOPLE)

    found: list[dict[str, Any]] = []
    for order in (people, people[::-1]):
        answers = {name: caller(name).post("/api/v1/admin/analytics/query", asked, format="json") for name in order}
        found.append({name: answer.json()["totals"]["requests"] for name, answer in answers.items()})

    wanted = {"owner": 4, "admin": 4, "superuser": 4, "analyst": 4, "manager": 3, "developer": 3, "mallory": 0}
    assert [{name: int(value or 0) for name, value in one.items()} for one in found] == [wanted, wanted]
