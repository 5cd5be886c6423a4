"""`usage-records/{id}/scores`."""

from typing import Any

import pytest

from gateway.models import AuditEvent, QualityScore
from tests import factories
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(company: factories.Acme) -> str:
    (line,) = factories.book_lines(factories.line(company))
    return f"/api/v1/usage-records/{line['request_id']}/scores"


def test_post_then_read(path: str, caller: Caller, company: factories.Acme):
    client = caller("developer")

    first = client.post(path, {"name": "helpfulness", "source": "review", "score": 0.75})
    again = client.post(path, {"name": "helpfulness", "source": "review", "score": 0.25, "label": "meh"})

    assert (first.status_code, again.status_code) == (201, 200)
    (row,) = client.get(path).json()
    assert (row["score"], row["label"], row["source"], row["name"]) == (0.25, "meh", "review", "helpfulness")
    assert row["id"] == first.json()["id"] == str(QualityScore.objects.get().pk)
    assert AuditEvent.objects.filter(verb="score.recorded").count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "q", "source": "s"}, "score"),
        ({"name": "q", "source": "s", "score": 1.5}, "score"),
        ({"name": "", "source": "s", "score": 1}, "name"),
        ({"source": "s", "score": 1}, "name"),
        ({"name": "q", "source": "s", "score": 1, "colour": 1}, "colour"),
    ],
)
def test_what_is_refused(path: str, caller: Caller, body: dict[str, Any], field: str):
    response = caller("admin").post(path, body)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)
    assert QualityScore.objects.count() == 0


def test_head_reads_also_for_a_key_that_may_not_write(path: str, caller: Caller):
    body = '{"name": "helpfulness", "source": "review", "score": 0.75}'

    answer = caller("key_read").generic("HEAD", path, body, content_type="application/json")

    assert (answer.status_code, answer.content) == (200, b"")
    assert QualityScore.objects.count() == 0


def test_others_do_not_see_them(path: str, caller: Caller):
    caller("admin").post(path, {"name": "q", "source": "s", "score": 1})

    assert caller("mallory").get(path).status_code == 404


def test_a_developer_scores_the_own_request_not_a_colleagues_with_the_same_id(
    path: str, caller: Caller, company: factories.Acme
):
    own = path.split("/")[-2]
    factories.book_lines(factories.line(company, project=company.banner, request_id=own, model_served="theirs"))

    response = caller("developer").post(path, {"name": "q", "source": "s", "score": 1})

    assert (response.status_code, response.json()["model"]) == (201, "gpt-4o")
    assert QualityScore.objects.get().project == company.assistant.pk


def test_a_denied_request_has_nothing_to_score(caller: Caller, company: factories.Acme):
    (line,) = factories.book_lines(factories.line(company, kind="denied", status="denied", charges=[], cost=0))

    response = caller("admin").post(
        f"/api/v1/usage-records/{line['request_id']}/scores", {"name": "q", "source": "s", "score": 1}
    )

    assert (response.status_code, response.json()["code"]) == (404, "nothing_to_score")
