"""Rules on what a month is expected to reach: by hand, from stored runs, told once a month."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from analytics.alerts import services
from analytics.alerts.evaluation import evaluate_due
from analytics.alerts.forecast import expected, month_of
from analytics.alerts.models import AlertEvent, AlertRule
from analytics.outlook import runs
from analytics.outlook.models import ForecastRun
from gateway.services.errors import Invalid
from tests.analytics.api.conftest import book
from tests.factories import Acme, acme, line

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def make(company: Acme, **options: Any) -> AlertRule:
    given = {"name": "Month", "source": "forecast", "measure": "cost", "threshold": Decimal(70), **options}
    return services.create_rule(organization=company.organization, actor=company.people["alice"], **given).rule


def store(company: Acme, mean: list[float], **fields: Any) -> None:
    ForecastRun.objects.create(
        organization=company.organization, measure="cost", grain="day", zone="UTC", horizon=len(mean), data_version=1,
        method="ensemble", mean=mean, lower={}, upper={},
        **{"level": "organization", "origin_at": TODAY, "total": {"mean": sum(mean)}, **fields},
    )  # fmt: skip


def told(rule: AlertRule) -> list[tuple[str, str]]:
    return list(AlertEvent.objects.filter(rule=rule).order_by("created_at", "id").values_list("kind", "text"))


def test_days_that_are_over_and_the_forecast_of_the_others(company: Acme, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW, tick=False)
    book(
        line(company, at=TODAY - timedelta(days=19, hours=-1), cost=Decimal(10)),
        line(company, at=TODAY - timedelta(days=20), cost=Decimal(99)),  # in February
        line(company, at=TODAY + timedelta(hours=2), cost=Decimal(9)),  # more than is expected of today
    )
    store(company, [5.0] * 30)
    rule, low = make(company), make(company, name="Low", threshold=Decimal(74))
    below = make(company, name="Below", comparison="lt", threshold=Decimal(75))

    evaluate_due()

    # 10 so far, 9 instead of 5 today, 11 days of 5
    text = "Cost is expected to be $74.00 in March 2026; the threshold is above $70.00."
    assert told(rule) == [("fired", text)]
    assert told(low) == []
    assert [kind for kind, _ in told(below)] == ["fired"]

    time_machine.move_to(NOW + timedelta(days=14), tick=False)
    store(company, [1.0] * 30, origin_at=datetime(2026, 4, 3, tzinfo=UTC))
    evaluate_due()

    assert [kind for kind, _ in told(rule)] == ["fired", "resolved"]
    assert AlertEvent.objects.filter(rule=rule, subject="2026-04").count() == 0


def test_each_team_has_an_alert_of_its_own(company: Acme, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW, tick=False)
    book(line(company, at=TODAY - timedelta(days=1), cost=Decimal(20)))
    for subject, each in ((str(company.search.pk), 5.0), (str(company.ads.pk), 1.0), ("other", 50.0)):
        store(company, [each] * 30, level="team", subject=subject)
    rule = make(company, scope="team", scope_value="*")

    evaluate_due()

    (event,) = AlertEvent.objects.filter(rule=rule)
    assert (event.label, event.value) == ("Search", Decimal(80))  # 20 and twelve days of 5
    mine = make(company, scope="team", scope_value=str(company.ads.pk), threshold=Decimal(11))
    evaluate_due()
    assert told(mine) == [("fired", "Cost is expected to be $12.00 in March 2026; the threshold is above $11.00.")]


def test_without_a_forecast_nothing_is_told(company: Acme) -> None:
    rule = make(company)

    evaluate_due()

    assert told(rule) == []
    rule.refresh_from_db()
    assert (rule.problem, rule.evaluated_for is None) == ("", False)


def test_the_stored_runs_of_the_background_serve(company: Acme) -> None:
    now = datetime.now(UTC)
    book(*(line(company, at=now - timedelta(days=back), cost=Decimal(3)) for back in range(1, 40)))
    runs.forecast_all()
    rule = make(company, threshold=Decimal(1))

    evaluate_due()

    assert [kind for kind, _ in told(rule)] == ["fired"]


def test_a_day_beyond_the_run_counts_as_the_one_a_week_before() -> None:
    month = month_of("UTC", datetime(2026, 3, 1, 5, tzinfo=UTC))
    run = ForecastRun(origin_at=month.start, mean=[float(step) for step in range(30)])

    assert expected(run, month, Decimal(0)) == sum(range(30)) + 23
    late = month_of("UTC", datetime(2026, 3, 4, 5, tzinfo=UTC))
    assert expected(run, late, Decimal(2)) == sum(range(3, 30)) + 23
    assert expected(run, late, Decimal(10)) == sum(range(4, 30)) + 23 + 10


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"measure": "error_rate"}, "unknown_measure"),
        ({"threshold": None}, "threshold_missing"),
        ({"scope": "model", "scope_value": "gpt-4o"}, "scope_unknown"),
        ({"scope": "team", "scope_value": "*", "measure": "requests"}, "scope_unknown"),
        ({"baseline": "previous_week"}, "baseline_invalid"),
        ({"parameters": {"budget": "x"}}, "parameters_invalid"),
    ],
)
def test_what_has_no_forecast_is_refused(company: Acme, options: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        make(company, **options)

    assert caught.value.code == code
