"""Quality: the mean over scored requests, unknown without scores, exact in the rollups however late a score comes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from analytics.query import run
from analytics.query.shapes import Query
from analytics.rollups.marks import drain_marks
from gateway.ledger.ids import started_at
from gateway.models import DirtyMark, QualityScore
from gateway.scores import RECORD_SQL, read
from tests import factories

pytestmark = pytest.mark.django_db


def score(company: factories.Acme, line: dict[str, Any], value: float | None, name: str = "q", **more: Any) -> Any:
    fields = {"request_id": line["request_id"], "name": name, "source": "user", "score": value, **more}
    with connection.cursor() as cursor:
        cursor.execute(RECORD_SQL, read(fields).parameters(company.organization.pk, line["project"]))
        return cursor.fetchone()


def asked(company: factories.Acme, line: dict[str, Any], *group_by: str) -> Any:
    at = line["at"].replace(minute=0, second=0, microsecond=0)
    query = Query(
        measures=("quality_score", "requests"), start=at - timedelta(hours=1), end=at + timedelta(hours=2),
        dimensions=group_by,
    )  # fmt: skip
    return run(company.people["alice"], query)


@pytest.fixture
def lines(company: factories.Acme) -> list[dict[str, Any]]:
    made = factories.book_lines(*(factories.line(company, model_served=model) for model in ("a", "a", "b")))
    return [{**line, "at": started_at(line["id"])} for line in made]


def test_without_scores_quality_is_unknown_and_says_why(company, lines):
    drain_marks()

    result = asked(company, lines[0])

    assert (result.totals["quality_score"], result.totals["requests"]) == (None, 3)
    assert [note.code for note in result.notes] == ["no_scores"]


def test_the_mean_of_requests_not_of_scores(company, lines):
    score(company, lines[0], 1.0, "helpful")
    score(company, lines[0], 0.5, "correct")
    score(company, lines[2], 0.25)
    drain_marks()

    result = asked(company, lines[0], "model")

    # (mean(1, 0.5) + 0.25) / 2 scored requests; the third request is not scored
    assert result.totals["quality_score"] == 0.5
    assert result.notes == []
    assert {group.dimensions["model"]: group.measures["quality_score"] for group in result.groups} == {
        "a": 0.75, "b": 0.25,
    }  # fmt: skip


def test_a_late_score_and_a_changed_one_reach_the_rollups(company, lines, fetch):
    drain_marks()
    score(company, lines[0], 1.0)
    assert DirtyMark.objects.filter(grain="quarter_hour").count() == 1
    drain_marks()
    assert asked(company, lines[0]).totals["quality_score"] == 1.0

    score(company, lines[0], 0.0)
    drain_marks()

    assert asked(company, lines[0]).totals["quality_score"] == 0.0
    (row,) = fetch("SELECT sum(quality_count) AS n, sum(quality_total) AS total FROM analytics_total_day")
    assert (row["n"], row["total"]) == (1, Decimal(0))


def test_once_per_request_name_and_source(company, lines):
    first = score(company, lines[0], 0.2)
    again = score(company, lines[0], 0.2)
    changed = score(company, lines[0], 0.9)
    other = score(company, lines[0], 0.9, source="grader")

    assert first[0] == again[0] == changed[0] != other[0]
    assert QualityScore.objects.count() == 2
    kept = QualityScore.objects.get(source="user")
    assert (kept.score, kept.model, kept.project) == (Decimal("0.90000"), "a", company.assistant.pk)


def test_a_label_alone_is_no_number(company, lines):
    score(company, lines[0], None, label="off topic")
    drain_marks()

    assert asked(company, lines[0]).totals["quality_score"] is None


@pytest.mark.parametrize("place", ["organization", "project"])
def test_a_request_of_elsewhere_cannot_be_scored(company, lines, place):
    organization, project = company.organization.pk, lines[0]["project"]
    if place == "organization":
        organization = factories.OrganizationFactory().pk
    else:
        project = company.banner.pk
    with connection.cursor() as cursor:
        fields = {"request_id": lines[0]["request_id"], "name": "q", "source": "user", "score": 1}
        cursor.execute(RECORD_SQL, read(fields).parameters(organization, project))
        assert cursor.fetchone() is None
    assert QualityScore.objects.count() == 0


def test_the_same_request_id_in_another_project_is_another_request(company, lines):
    (theirs,) = factories.book_lines(
        factories.line(company, project=company.banner, request_id=lines[0]["request_id"], model_served="z")
    )
    score(company, lines[0], 1.0)

    score(company, theirs, 0.0)

    kept = {row.project: (row.score, row.model, row.line) for row in QualityScore.objects.all()}
    assert kept == {
        company.assistant.pk: (1, "a", lines[0]["id"]), company.banner.pk: (0, "z", theirs["id"]),
    }  # fmt: skip


def test_of_two_requests_with_one_id_the_newer_is_scored_and_the_older_keeps_its_score(company, lines):
    score(company, lines[0], 1.0)
    (again,) = factories.book_lines(
        factories.line(
            company, request_id=lines[0]["request_id"], model_served="b", at=lines[0]["at"] + timedelta(seconds=9)
        )
    )

    score(company, again, 0.5)

    assert {row.line: row.score for row in QualityScore.objects.all()} == {
        lines[0]["id"]: 1, again["id"]: Decimal("0.5"),
    }  # fmt: skip
