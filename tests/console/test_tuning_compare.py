"""Evaluations in the console: start, follow, read the verdict."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from finetuning.answers.verdicts import result_of
from finetuning.models import Evaluation, EvaluationItem
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.console.tuning import chats, decided, file_of, job_of, offer, waiting

PAGE = "/admin/fine-tuning/compare/"
LIST_QUERIES, PAGE_QUERIES = 6, 5


def wish(company: Company, **changes: Any) -> dict[str, Any]:
    offer(company)
    file = file_of(company, rows=chats(12), name="held-out.jsonl")
    return {"file": str(file.pk), "base": "gpt-4o-mini", "tuned": "ft:parcels", "metrics": ["exact"], **changes}


def test_nothing_yet(company: Company, sign_in: SignIn) -> None:
    assert "No evaluation yet" in text_of(sign_in("carol"), PAGE)
    assert "Start an evaluation" not in text_of(sign_in("carol"), PAGE)  # an analyst reads


def test_start_one(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)

    answer = sign_in("dave").post(PAGE, wish(company, job=str(job.pk), sample="10"))

    made = Evaluation.objects.get()
    assert answer["Location"] == f"{PAGE}{made.pk}/"
    assert [one["model"] for one in made.contestants] == ["gpt-4o-mini", "ft:parcels"]
    assert (made.job, made.sample, made.created_by, made.project) == (
        job, 10, company.people["dave"], company.projects["triage"],
    )  # fmt: skip
    assert "Queued" in text_of(sign_in("carol"), f"{PAGE}{made.pk}/")


def test_what_cannot_be_is_said_beside_the_form(company: Company, sign_in: SignIn) -> None:
    answer = sign_in("dave").post(PAGE, wish(company, tuned="gpt-4o-mini"))

    assert "Every contestant needs a label of its own." in answer.content.decode()
    unknown = sign_in("dave").post(PAGE, wish(company, tuned="ft:local-head:bogus:x:1"))
    assert unknown.context["form"].errors["tuned"] == ["There is no enabled model or route ft:local-head:bogus:x:1."]
    assert sign_in("carol").post(PAGE, wish(company)).status_code == 404
    assert Evaluation.objects.count() == 0


def test_the_verdict_with_its_figures(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row, client = decided(company), sign_in("carol")
    client.get(f"{PAGE}{row.pk}/")
    with django_assert_num_queries(PAGE_QUERIES):
        client.get(f"{PAGE}{row.pk}/")

    text = text_of(client, f"{PAGE}{row.pk}/")
    assert (
        "team=south Tag 10 40.0 % 16.8 % to 68.7 % 90.0 % 59.6 % to 98.2 % +50.0 +0.4 to +77.6 0.125 Cannot tell"
        in text
    )

    assert "Better tuned against base . Fewer than 100 items rarely decide." in text
    assert "base gpt-4o-mini 20 0 — — 2,200 500 ms 500 ms" in text  # the base's answers have no price
    assert "tuned ft:parcels 20 0 $2.00 $0.04 2,200 500 ms 500 ms" in text
    EvaluationItem.objects.filter(evaluation=row, contestant=1).update(currency="EUR")
    row.result = result_of(row)
    row.save()
    in_euros = text_of(client, f"{PAGE}{row.pk}/")  # of an organization that keeps dollars
    assert "tuned ft:parcels 20 0 €2.00 €0.04 2,200 500 ms 500 ms" in in_euros
    assert "Better tuned: +55.0 points" in text
    assert "12 won, 7 tied, 1 lost." in text
    assert "tuned 20 100 % 0 %" in text  # the worst line
    assert "2 × leak exact: lines 4, 9" in text
    assert "tuned Better" in text_of(client, PAGE)


def test_the_judge_is_told_with_its_cost_and_when_it_said_nothing(company: Company, sign_in: SignIn) -> None:
    row, client = decided(company), sign_in("carol")
    result = row.result or {}
    silent = {**result["metrics"][0], "metric": "judge", "differences": []}
    silent["contestants"] = [{**one, "mean": None, "lower": None, "upper": None} for one in silent["contestants"]]
    row.result = {**result, "metrics": [*result["metrics"], silent]}
    row.judge = {"model": "gpt-4o", "rubric": "", "spent": "0.25"}
    row.save()

    text = text_of(client, f"{PAGE}{row.pk}/")
    assert "Judged by gpt-4o, for $0.25. It gave no verdict: it has to answer A, B or T, and nothing else." in text

    row.judge = {"model": "gpt-9", "rubric": "", "spent": "0", "error": "The model does not exist."}
    row.save()
    told = "Judged by gpt-9, for $0.00. It could not always be asked: The model does not exist."
    assert told in text_of(client, f"{PAGE}{row.pk}/")

    row.judge = {"model": "gpt-4o", "rubric": "", "spent": None}
    row.save()
    assert "Judged by gpt-4o, what that cost is not known." in text_of(client, f"{PAGE}{row.pk}/")


def test_cancel_one(company: Company, sign_in: SignIn) -> None:
    row = waiting(company)
    path = f"{PAGE}{row.pk}/"

    assert sign_in("carol").post(f"{path}cancel/").status_code == 404
    assert sign_in("dave").post(f"{path}cancel/").status_code == 302
    row.refresh_from_db()
    assert row.status == "cancelled"
    again = sign_in("dave").post(f"{path}cancel/", follow=True)
    assert "The evaluation has cancelled already." in again.content.decode()


@pytest.mark.parametrize("name", ["dave", "mallory"])
def test_others_see_nothing(company: Company, sign_in: SignIn, name: str) -> None:
    row = waiting(company, "search")

    assert sign_in(name).get(f"{PAGE}{row.pk}/").status_code == 404
    assert sign_in(name).post(f"{PAGE}{row.pk}/cancel/").status_code == 404


def test_the_list_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("carol")
    for _ in range(4):
        waiting(company)
    client.get(PAGE)

    with django_assert_num_queries(LIST_QUERIES):
        client.get(PAGE)
