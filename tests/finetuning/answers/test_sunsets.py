"""The radar of last days."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.answers.questions import Questions
from finetuning.answers.sunsets import Row, radar
from tests.analytics.api.conftest import book
from tests.factories import Acme, line
from tests.finetuning.answers.conftest import NOW, Make

pytestmark = pytest.mark.django_db
TUNED = "ft:gpt-4o-mini-2024-07-18:acme:tickets:9x"
BASE = "gpt-4.1-2025-04-14"


def shown(company: Acme, person: str = "carol") -> dict[str, Row]:
    return {row.model: row for row in radar(Questions(company.people[person], company.organization), NOW)}


@pytest.fixture(autouse=True)
def _openai(company: Acme) -> None:
    company.provider.slug = "upstream"
    company.provider.kind = "openai"
    company.provider.save()


def test_what_is_in_use_and_has_a_last_day_is_shown_with_its_traffic(company: Acme, make_tuned: Make) -> None:
    day = NOW - timedelta(days=2)
    book(
        *(line(company, at=day, model_served=TUNED, cost=Decimal("0.5")) for _ in range(3)),
        line(company, at=day, model_served=BASE, project=company.banner),
        line(company, at=day, model_served="claude-sonnet-4-5"),
        line(company, at=NOW - timedelta(days=31), model_served=BASE),
        line(company, at=day, model_served="gpt-4.1-mini-2025-04-14", kind="training", is_final=False, request_count=0),
    )
    make_tuned("ft:local-head:acme:intents:1", backend="local-head", base_model="local-head-hash")
    make_tuned("ft:gpt-4o-2024-08-06:acme:old:1", base_model="gpt-4o-2024-08-06")

    rows = shown(company)

    assert list(rows) == [TUNED, BASE, "ft:gpt-4o-2024-08-06:acme:old:1"]
    tuned = rows[TUNED]
    assert (tuned.answers_until, tuned.new_jobs_until) == (date(2027, 1, 14), date(2027, 1, 6))
    assert tuned.source == "https://developers.openai.com/api/docs/deprecations"
    assert (tuned.days_left, tuned.state, tuned.is_tuned) == (46, "soon", True)
    assert (tuned.requests, tuned.cost, tuned.share) == (3, Decimal("1.5"), 0.6)
    assert tuned.projects == (str(company.assistant.pk),)
    assert tuned.advice == "Record its answers now: after 2027-01-14 nobody can."
    assert (rows[BASE].requests, rows[BASE].is_tuned) == (1, False)
    assert rows["ft:gpt-4o-2024-08-06:acme:old:1"].requests == 0


def test_recorded_answers_are_named(company: Acme, make_tuned: Make, make_file: Make) -> None:
    make_tuned(TUNED)
    make_file(origin="golden", lineage={"model": TUNED})
    newest = make_file(origin="golden", lineage={"model": TUNED})

    row = shown(company)[TUNED]

    assert (row.golden_file, row.golden_at) == (str(newest.pk), newest.created_at)
    assert row.advice == "Its answers are recorded. Tune or choose a successor and compare them."


def test_an_own_date_stands_before_the_vendors(company: Acme, make_tuned: Make) -> None:
    make_tuned(TUNED, sunset_on=date(2026, 11, 1), sunset_source="https://example.com/mail")

    row = shown(company)[TUNED]

    assert (row.answers_until, row.state, row.days_left) == (date(2026, 11, 1), "off", -28)
    assert row.source == "https://example.com/mail"


def test_each_sees_the_own_projects_alone(company: Acme, make_tuned: Make) -> None:
    book(line(company, at=NOW - timedelta(days=1), model_served=BASE, project=company.banner))
    make_tuned("ft:gpt-4o-2024-08-06:acme:ads:1", base_model="gpt-4o-2024-08-06", project=company.banner)

    assert list(shown(company)) == [BASE, "ft:gpt-4o-2024-08-06:acme:ads:1"]
    assert shown(company, "bob") == {}


def test_statements_do_not_grow_with_models(company: Acme, make_tuned: Make) -> None:
    for number in range(5):
        make_tuned(f"ft:gpt-4o-2024-08-06:acme:m{number}:1", base_model="gpt-4o-2024-08-06")
    questions = Questions(company.people["carol"], company.organization)
    radar(questions, NOW)
    questions = Questions(company.people["carol"], company.organization, is_fresh=True)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(radar(questions, NOW)) == 5

    assert len(asked) <= 8
