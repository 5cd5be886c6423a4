"""Stored forecasts: once an hour, one row for each series and origin, compared with what came."""

from datetime import timedelta

import pytest

from analytics.outlook import runs
from analytics.outlook.models import ForecastRun
from analytics.tasks import forecast
from config.schedules import SCHEDULES
from gateway.models import Job
from tests.analytics.outlook.conftest import midnight, use
from tests.factories import Acme


def test_the_task_is_offered() -> None:
    assert SCHEDULES["analytics-forecast"]["task"] == forecast.name


def test_an_hour_brings_one_run_for_each_series(used: Acme) -> None:
    first, second = runs.forecast_all(), runs.forecast_all()

    assert second == 0
    rows = list(ForecastRun.objects.values_list("measure", "grain", "level"))
    assert first == len(rows)
    assert sorted({row for row in rows if row[2] == "organization"}) == [
        (measure, grain, "organization")
        for measure in ("cost", "requests", "total_tokens")
        for grain in ("day", "hour")
    ]
    assert {row for row in rows if row[2] != "organization"} == {("cost", "day", "team"), ("cost", "day", "project")}
    job = Job.objects.get(kind="analytics.forecast")
    assert (job.status, job.result) == ("succeeded", {"runs": first})


def test_projects_and_teams_add_up_and_follow_the_week(used: Acme) -> None:
    runs.forecast_all()

    whole = ForecastRun.objects.get(measure="cost", grain="day", level="organization")
    teams = list(ForecastRun.objects.filter(level="team"))
    projects = list(ForecastRun.objects.filter(level="project"))
    assert {run.team for run in teams} == {used.search.pk, used.ads.pk}
    for parts in (teams, projects):
        assert whole.total["mean"] == pytest.approx(sum(run.total["mean"] for run in parts), rel=1e-12)
        assert whole.mean == pytest.approx([sum(step) for step in zip(*(run.mean for run in parts), strict=True)])
    for i in range(14):
        usual = 4.5 if (midnight() + timedelta(days=i)).weekday() == 0 else 2.5
        assert whole.mean[i] == pytest.approx(usual, abs=0.4)
    assert whole.origin_at == midnight()
    assert whole.expected_error is not None


@pytest.mark.slow
def test_a_run_is_compared_with_what_came(company: Acme) -> None:
    before = midnight() - timedelta(days=60)
    use(company, before, 40)
    made = runs.make(company.organization, before + timedelta(days=40, hours=1))
    runs.store(made)
    use(company, before + timedelta(days=40), 10)

    runs.make(company.organization, before + timedelta(days=50, hours=1))

    run = ForecastRun.objects.get(measure="cost", grain="day", level="organization")
    assert run.scored_steps == 10
    assert run.error is not None
    assert run.error < 0.1
    assert run.bias == pytest.approx(0, abs=0.1)
    assert run.coverage is not None
    project = ForecastRun.objects.get(level="project", subject=str(company.banner.pk))
    assert project.scored_steps == 10
    assert ForecastRun.objects.get(measure="cost", grain="hour").scored_steps == 48


def test_the_error_of_a_run_by_hand() -> None:
    run = ForecastRun(mean=[2.0, 2.0, 9.0], lower={"0.95": [1.0, 1.0, 9.0]}, upper={"0.95": [3.0, 3.0, 9.0]})

    found = runs.compare(run, [1.0, 4.0])

    assert (found.steps, found.error, found.bias, found.coverage) == (2, 3 / 5, -1 / 5, 0.5)


def test_later_runs_of_an_origin_replace_the_earlier(used: Acme) -> None:
    runs.store(runs.make(used.organization, midnight() + timedelta(hours=1)))
    count = ForecastRun.objects.filter(grain="day").count()

    runs.store(runs.make(used.organization, midnight() + timedelta(hours=2)))

    assert ForecastRun.objects.filter(grain="day").count() == count
    assert ForecastRun.objects.filter(grain="hour", measure="cost").count() == 2


def test_a_failure_is_kept_with_the_job(used: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(runs, "make", broken)

    assert runs.forecast_all() == 0
    assert Job.objects.values_list("status", "error").get() == ("failed", "RuntimeError: no memory")


def test_an_organization_without_use_has_no_runs(company: Acme) -> None:
    assert runs.make(company.organization, midnight()) == []


def test_who_sees_which_runs(used: Acme) -> None:
    runs.forecast_all()

    def levels(user: object) -> list[str]:
        rows = ForecastRun.objects.visible_to(user)  # type: ignore[arg-type]
        return sorted(set(rows.values_list("level", flat=True)))

    people = used.people
    assert levels(people["alice"]) == ["organization", "project", "team"]
    assert levels(people["dave"]) == ["project", "team"]
    assert set(ForecastRun.objects.visible_to(people["dave"]).values_list("team", flat=True)) == {used.search.pk}
    assert levels(people["bob"]) == []
    assert levels(people["mallory"]) == []
