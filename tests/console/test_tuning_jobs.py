"""Fine-tuning jobs in the console: the list, one job and what it says, its end, its model on a route."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from finetuning.choices import TuningStatus
from finetuning.models import Canary, TunedModel, TuningJob
from gateway.models import RouteTarget
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.tuning import file_of, job_of, overfitted, tuned_of

PAGE = "/admin/fine-tuning/jobs/"
LIST_QUERIES, JOB_QUERIES = 7, 9


def text_of(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    content = answer.content.decode().partition('id="content"')[2].replace("<wbr>", "")
    return " ".join(re.sub(r"<[^>]+>", " ", content).replace("\u202f", " ").split())


def page_of(job: TuningJob) -> str:
    return f"{PAGE}{job.pk}/"


def test_nothing_yet(company: Company, sign_in: SignIn) -> None:
    text = text_of(sign_in("bob"))

    assert "No job yet" in text
    assert "a local head trains on this machine in seconds" in text


def test_the_list_has_state_progress_and_money(company: Company, sign_in: SignIn) -> None:
    job_of(company)
    job_of(company, name="Slow", status="running", progress=0.25, cost_actual=None, finished_at=None)

    text = text_of(sign_in("carol"))

    assert "All 2 Open 1 Succeeded 1 Failed 0 Cancelled 0" in text
    assert re.search(r"Slow Ticket triage, .{1,20} Running OpenAI gpt-4.1-mini-2025-04-14 25.0 % \$1.20 —", text)
    assert re.search(r"Parcel answers Ticket triage, .{1,20} Succeeded OpenAI \S+ 100 % \$1.20 \$1.50", text)


def test_by_state_and_by_words(company: Company, sign_in: SignIn) -> None:
    job_of(company)
    job_of(company, name="Slow", status="running")

    assert "Parcel answers" not in text_of(sign_in("carol"), f"{PAGE}?state=open")
    assert "Slow" not in text_of(sign_in("carol"), f"{PAGE}?q=parcel")
    assert "No job matches" in text_of(sign_in("carol"), f"{PAGE}?q=nowhere&state=wrong")


def test_the_list_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, file = sign_in("carol"), file_of(company)
    job_of(company, training_file=file)
    client.get(PAGE)
    with django_assert_num_queries(LIST_QUERIES):
        client.get(PAGE)
    for number in range(5):
        job_of(company, training_file=file, name=f"Job {number}")

    with django_assert_num_queries(LIST_QUERIES):
        client.get(PAGE)


def test_a_job_says_what_is_wrong_and_which_step_is_best(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = overfitted(company)
    client = sign_in("carol")
    client.get(page_of(job))
    with django_assert_num_queries(JOB_QUERIES):
        client.get(page_of(job))

    text = text_of(client, page_of(job))

    assert "Overfitting Held-out loss was lowest at step 40 (1.2) and is 20% higher at step 80 (1.44)" in text
    assert "The checkpoint of step 40 is not kept: use that of step 60, the best that is." in text
    assert "Best step 40 (loss 1.2000); best checkpoint that is kept: step 60 (loss 1.3000)." in text
    assert "Held-out loss was lowest at step 40: 1.2." in text
    assert "60 ft:x:ckpt-step-60 1.3 Kept Best kept" in text
    assert "40 ft:x:ckpt-step-40 1.2 Dropped Best" in text
    assert "Actual less estimate +$0.30, 25.0 %" in text
    assert "Warning The queue is long." in text
    assert 'data-chart="loss"' in client.get(page_of(job)).content.decode()


def test_accuracy_is_corrected_once_the_file_was_checked(company: Company, sign_in: SignIn) -> None:
    validation = file_of(company, name="valid.jsonl")
    job = overfitted(company, validation_file=validation)
    assert "Token accuracy is shown as told. Check the file (validate-data)" in text_of(sign_in("carol"), page_of(job))
    validation.report = {"tokens": {"answers": 150}, "examples": 10}
    validation.save()

    text = text_of(sign_in("carol"), page_of(job))

    # (0.8 × 170 − 20) / 150
    assert "At step 80, 77.3 % of the answer tokens are right; the vendor says 80.0 %" in text


def test_a_job_that_runs_says_when_it_ends_or_why_nobody_knows(company: Company, sign_in: SignIn) -> None:
    job = job_of(company, status="running", progress=0.5, cost_actual=None, finished_at=None)

    text = text_of(sign_in("carol"), page_of(job))

    assert "Ends in not known The number of steps is not known yet." in text
    assert "Cost, estimated $1.20" in text
    assert "Too early Too few points were measured to tell." in text


@pytest.mark.parametrize(("name", "may"), [("carol", False), ("bob", True), ("dave", True), ("adam", True)])
def test_who_may_end_a_job(company: Company, sign_in: SignIn, name: str, may: bool) -> None:
    job = job_of(company, status="running", finished_at=None)

    answer = sign_in(name).post(f"{page_of(job)}do/", {"verb": "cancel"})

    job.refresh_from_db()
    assert answer.status_code == (302 if may else 404)
    assert (job.status == TuningStatus.CANCELLED or job.cancel_requested_at is not None) is may
    assert ("Cancel…" in text_of(sign_in(name), page_of(job_of(company, status="queued")))) is may


def test_what_cannot_be_is_said(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)

    answer = sign_in("adam").post(f"{page_of(job)}do/", {"verb": "pause"}, follow=True)

    assert "The job is over: it succeeded." in answer.content.decode()
    assert sign_in("adam").post(f"{page_of(job)}do/", {"verb": "explode"}).status_code == 404


def test_a_job_that_is_over_can_be_deleted(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)

    answer = sign_in("adam").post(f"{page_of(job)}do/", {"verb": "delete"})

    assert answer["Location"] == PAGE
    assert TuningJob.objects.count() == 0


def test_its_model_goes_on_a_route_and_off_again(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)
    tuned_of(company, job)
    deploy = f"{page_of(job)}deploy/"

    assert sign_in("dave").post(deploy, {"route": "fast", "share": "25"}).status_code == 404
    sign_in("adam").post(deploy, {"route": "fast", "share": "25"})

    weights = dict(RouteTarget.objects.filter(priority=0).values_list("model__name", "weight"))
    assert weights == {"gpt-4o-mini": 3, "ft:parcels": 1}
    assert "25 % of the calls of fast" in text_of(sign_in("carol"), page_of(job))
    sign_in("adam").post(deploy, {"withdraw": "fast"})
    assert TunedModel.objects.get().serving["routes"] == {}
    assert "It is on no route." in text_of(sign_in("carol"), page_of(job))


def test_what_is_watched_on_a_route_is_shown(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)
    tuned = tuned_of(company, job)
    sign_in("adam").post(f"{page_of(job)}deploy/", {"route": "fast", "share": "10", "canary_guard": "promote"})
    assert Canary.objects.get().guard == "promote"
    assert "It was not looked at yet." in text_of(sign_in("carol"), page_of(job))

    Canary.objects.update(
        state="rolled_back", looks=14, why="It fails more often: too often.", decision="roll_back",
        measures=[
            {"name": "errors", "tuned": 78, "tuned_mean": 0.205, "others": 702, "others_mean": 0.01,
             "difference": 0.195, "interval": {"lower": 0.032, "upper": 0.41}},
            {"name": "score", "tuned": 0, "tuned_mean": None, "others": 0, "others_mean": None, "difference": None,
             "interval": {"lower": -1.0, "upper": 1.0}},
        ],
    )  # fmt: skip

    shown = text_of(sign_in("carol"), page_of(job))
    for text in ("10 % of fast", "Rolled back", "It fails more often: too often.", "14 looks", "+3.2 to +41.0 points"):
        assert text in shown
    assert "Scores" not in shown
    for number in range(3):
        Canary.objects.create(tuned=tuned, route=f"r{number}", share=10)
    assert text_of(sign_in("carol"), page_of(job)).count("It was not looked at yet.") == 3


def test_a_share_that_cannot_be_is_refused(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)
    tuned_of(company, job)

    for wrong in ({"route": "fast", "share": "0"}, {"route": "nowhere", "share": "10"}):
        answer: Any = sign_in("adam").post(f"{page_of(job)}deploy/", wrong, follow=True)
        assert "Choose a route, and a share of 1 to 100 percent." in answer.content.decode()


def test_documents(company: Company, sign_in: SignIn) -> None:
    job = overfitted(company)
    client = sign_in("carol")

    answer = client.get(f"{page_of(job)}csv/")

    assert answer["Content-Disposition"] == f'attachment; filename="job-{job.pk.hex[-8:]}.csv"'
    assert b"The queue is long." in answer.content
    assert client.get(f"{page_of(job)}docx/").status_code == 404
    assert sign_in("mallory").get(f"{page_of(job)}csv/").status_code == 404


def test_others_see_nothing(company: Company, sign_in: SignIn) -> None:
    job = job_of(company)

    elsewhere = job_of(company, "search")

    assert sign_in("mallory").get(page_of(job)).status_code == 404
    for name in ("bob", "dave"):  # of another team
        assert sign_in(name).get(page_of(elsewhere)).status_code == 404
        assert sign_in(name).post(f"{page_of(elsewhere)}do/", {"verb": "cancel"}).status_code == 404
    assert sign_in("root").get(f"{page_of(job)}?organization=acme").status_code == 200
