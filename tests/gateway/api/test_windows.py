"""Windows in queries: their defaults, and years in which nothing can have happened."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.exceptions import ValidationError

from gateway.api.windows import window_of
from tests import factories
from tests.gateway.api.conftest import client_of

END = datetime(2026, 11, 20, tzinfo=UTC)


def test_the_start_is_so_many_days_before_the_end() -> None:
    assert window_of(None, END, days=7) == (END - timedelta(days=7), END)
    assert window_of(END - timedelta(days=1), END, days=7) == (END - timedelta(days=1), END)


@pytest.mark.parametrize("year", [1, 1970, 2201, 9999])
def test_years_beyond_reckoning_are_refused(year: int) -> None:
    at = datetime(year, 1, 1, tzinfo=UTC)

    for start, end, name in ((at, END, "start"), (None, at, "end")):
        with pytest.raises(ValidationError) as caught:
            window_of(start, end, days=30)
        assert caught.value.get_codes() == {name: "window_out_of_range"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["usage-records", "cost/records", "prices/unpriced"])
@pytest.mark.parametrize("end", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_such_a_question_is_the_callers_fault(path: str, end: str) -> None:
    client = client_of(factories.acme(), "owner")

    assert client.get(f"/api/v1/{path}", {"end": end}).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "name"),
    [("annotations", "at__lt"), ("audit-events", "start"), ("usage-records", "end"), ("prices", "at")],
)
def test_offsets_that_the_database_does_not_know(path: str, name: str) -> None:
    """It takes none of sixteen hours and more."""
    client = client_of(factories.acme(), "owner")

    assert client.get(f"/api/v1/{path}", {name: "2026-11-20T00:53:06-20:40"}).status_code == 200
    beyond = client.get(f"/api/v1/{path}", {name: "0001-01-01T00:00:00+20:40"})
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (400, name)


@pytest.mark.django_db
@pytest.mark.parametrize("project", [False, True])
def test_yes_and_no_are_no_ids(project: bool) -> None:
    asked = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "project": project}

    answer = client_of(factories.acme(), "owner").post("/api/v1/analytics/providers/compare", asked, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "project")
