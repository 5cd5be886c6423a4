"""The sunset radar in the console."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from finetuning.models import Recording, TunedModel
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.console.tuning import file_of, job_of, tuned_of

PAGE = "/admin/fine-tuning/sunsets/"
QUERIES = 9


def dying(company: Company) -> TunedModel:
    today = timezone.now().date()
    return tuned_of(
        company, job_of(company, backend="local-head"), sunset_on=today + timedelta(days=10),
        sunset_source="https://vendor.example/deprecations",
    )  # fmt: skip


def test_nothing_ends(company: Company, sign_in: SignIn) -> None:
    assert "Nothing ends" in text_of(sign_in("carol"), PAGE)


def test_a_model_that_ends_soon_has_its_source_and_wants_golden_answers(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made, client = dying(company), sign_in("carol")
    client.get(PAGE)
    with django_assert_num_queries(QUERIES):
        html = client.get(PAGE).content.decode()

    text = text_of(client, PAGE)
    assert "Off within 60 days 1" in text
    assert "Without golden answers 1" in text
    assert f"{made.sunset_on} Soon 10 days left ft:parcels Tuned" in text
    assert f"Record its answers now: after {made.sunset_on} nobody can. 0 $0.00 — None" in text
    assert 'href="https://vendor.example/deprecations"' in html


def test_recorded_answers_are_linked(company: Company, sign_in: SignIn) -> None:
    made = dying(company)
    golden = file_of(company, origin="golden", lineage={"model": made.name}, name="golden.jsonl")

    html = sign_in("carol").get(PAGE).content.decode()

    assert f'href="/admin/fine-tuning/files/{golden.pk}/"' in html
    assert re.search(r"Without golden answers</h2><p class=\"kpi-value\">0<", html)


def test_models_of_projects_that_are_not_seen_are_not_shown(company: Company, sign_in: SignIn) -> None:
    made = dying(company)
    TunedModel.objects.filter(pk=made.pk).update(project=company.projects["search"])

    assert "Nothing ends" in text_of(sign_in("dave"), PAGE)


@pytest.mark.slow
def test_answers_are_recorded_and_a_recording_is_cancelled(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made, source, client = dying(company), file_of(company), sign_in("bob")
    given = {
        "model": made.name, "project": str(source.project_id), "source": str(source.pk), "size": 3, "budget_limit": "1",
    }  # fmt: skip

    refused = client.post(f"{PAGE}record/", given, follow=True).content.decode()
    assert "This field is required" in refused
    shown = client.post(f"{PAGE}record/", {**given, "consent": "on"}, follow=True).content.decode()
    row = Recording.objects.get()
    assert f"The answers of {made.name} are being recorded." in shown
    assert (row.size, row.budget_limit, row.source, row.created_by) == (3, 1, source, company.people["bob"])
    assert f"{made.name} {source.project.name}" in text_of(client, PAGE)
    client.get(PAGE)
    with django_assert_num_queries(QUERIES + 3):  # of the form: projects, whether there are any, files
        client.get(PAGE)
    client.post(f"{PAGE}{row.pk}/cancel/")
    row.refresh_from_db()
    assert row.status == "cancelled"


def test_who_reads_alone_records_nothing(company: Company, sign_in: SignIn) -> None:
    made, client = dying(company), sign_in("carol")

    assert client.post(f"{PAGE}record/", {"model": made.name}).status_code == 404
    assert "Record golden answers" not in client.get(PAGE).content.decode()
