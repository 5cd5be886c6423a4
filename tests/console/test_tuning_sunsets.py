"""The sunset radar in the console."""

import re
from datetime import timedelta

from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from finetuning.models import TunedModel
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
