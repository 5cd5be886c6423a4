"""The wizard of a new job: template, data, estimate, start."""

import pytest
from pytest_django import DjangoAssertNumQueries

from finetuning.models import TuningFile, TuningJob
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.console.tuning import chats, file_of

PAGE = "/admin/fine-tuning/new/"
QUERIES = 15


def labelled(company: Company, project: str = "triage") -> TuningFile:
    rows = chats(40)
    for number, row in enumerate(rows):
        row["messages"][-1]["content"] = ("parcel", "refund")[number % 2]
    return file_of(company, project, rows=rows, name="labels.jsonl")


@pytest.fixture
def file(company: Company) -> TuningFile:
    return labelled(company)


def step(file: TuningFile, **more: object) -> str:
    return f"{PAGE}?template=classification&file={file.pk}" + "".join(f"&{k}={v}" for k, v in more.items())


def test_it_begins_with_templates(company: Company, sign_in: SignIn) -> None:
    text = text_of(sign_in("dave"), PAGE)

    assert "1 Template → 2 Data → 3 Estimate → 4 Start" in text
    assert "Intent or ticket classification Every message gets one label of a closed list" in text
    assert "20–100 lines per label. Training $0.00 to " in text


def test_then_the_file(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    labelled(company, "search")  # of a project that dave does not see

    answer = sign_in("dave").get(f"{PAGE}?template=classification")

    assert [str(one) for one, _ in answer.context["files"]] == ["labels.jsonl v1"]
    assert "Labels are balanced" in answer.content.decode()


def test_then_what_it_would_cost(
    company: Company, sign_in: SignIn, file: TuningFile, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("dave")
    client.get(step(file))
    with django_assert_num_queries(QUERIES):
        client.get(step(file))

    text = text_of(client, step(file))

    assert "It was not checked." in text
    assert "Local head local-head-hash" in text
    assert "Start the job" not in text


def test_and_it_starts(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    path = step(file, candidate=0)
    assert "Start the job" in text_of(sign_in("dave"), path)

    answer = sign_in("dave").post(path, {"name": "Labels", "epochs": "12", "suffix": "labels"})

    job = TuningJob.objects.get()
    assert answer["Location"] == f"/admin/fine-tuning/jobs/{job.pk}/"
    assert (job.name, job.backend, job.base_model, job.template) == (
        "Labels", "local-head", "local-head-hash", "classification",
    )  # fmt: skip
    assert (job.hyperparameters, job.training_file, job.created_by) == (
        {"n_epochs": 12}, file, company.people["dave"],
    )  # fmt: skip


def test_a_bank_wants_the_model_that_answers(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    path = step(file, candidate=1)

    assert "This field is required." in sign_in("dave").post(path, {}).content.decode()
    sign_in("dave").post(path, {"base": "gpt-4o-mini"})

    job = TuningJob.objects.get()
    assert (job.backend, job.base_model) == ("dicl", "gpt-4o-mini")


def test_what_the_service_refuses_is_said(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    answer = sign_in("dave").post(step(file, candidate=0), {"suffix": "no spaces please"})

    assert "The suffix has up to 64 letters" in answer.content.decode()
    assert TuningJob.objects.count() == 0


def test_wrong_addresses(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    hidden = labelled(company, "search")
    client = sign_in("dave")

    assert client.get(step(hidden)).status_code == 404
    assert client.get(f"{PAGE}?template=classification&file=wrong").status_code == 404
    assert "4 Start" in text_of(client, f"{PAGE}?template=nothing")
    assert "Start the job" not in text_of(client, step(file, candidate=99))


@pytest.mark.parametrize("name", ["carol", "mallory"])
def test_readers_start_nothing(company: Company, sign_in: SignIn, file: TuningFile, name: str) -> None:
    assert sign_in(name).get(PAGE).status_code == 404
    assert sign_in(name).post(step(file, candidate=0), {}).status_code == 404
