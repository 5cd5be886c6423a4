"""The wizard of a new job: template, data, estimate, start."""

import json

import pytest
from pytest_django import DjangoAssertNumQueries

from finetuning.models import TuningFile, TuningJob
from gateway.models import Route
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.console.tuning import chats, file_of
from tests.factories import ModelFactory, ProviderFactory

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


@pytest.mark.slow
def test_what_comes_after_the_job(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    """An administrator gives it a route; an evaluation wants held-out lines, a judge the other model."""
    held_out = file_of(company, "triage", rows=chats(12, "Ask"), name="held-out.jsonl")
    provider = ProviderFactory(organization=company.organization, slug="own")
    for name in ("gpt-4.1", "gpt-4o-mini"):
        ModelFactory(organization=company.organization, provider=provider, name=name)
    Route.objects.create(organization=company.organization, alias="intents")
    client, path, own = sign_in("adam"), step(file, candidate=0), company.people["adam"].email

    for given, said in (
        ({"judge": "gpt-4.1"}, "A judge compares two models: name the other one."),
        ({"emails": "stranger@example.com"}, "stranger@example.com: mails go to members of the organization alone."),
        ({"evaluation_base": "gpt-4o-mini"}, "An evaluation needs held-out lines."),
        ({"route": "nothing"}, "Select a valid choice"),
        ({"route": "intents", "canary_guard": "maybe"}, "Select a valid choice"),
        ({"evaluation_base": "dicl:nope", "validation_file": str(held_out.pk)}, "no enabled model or route dicl:nope."),
    ):
        assert said in client.post(path, given).content.decode()
    assert TuningJob.objects.count() == 0
    client.post(path, {
        "validation_file": str(held_out.pk), "evaluation_base": "gpt-4o-mini", "judge": "gpt-4.1", "route": "intents",
        "share": "25", "canary_guard": "promote", "emails": own, "told_on": ["succeeded", "failed"],
    })  # fmt: skip

    job = TuningJob.objects.get()
    assert job.auto_deploy == {"route": "intents", "share": 0.25, "canary_guard": "promote"}
    assert job.evaluation == {
        "base": "gpt-4o-mini", "metrics": ["exact", "macro_f1", "judge"], "judge": {"model": "gpt-4.1", "rubric": ""},
    }  # fmt: skip
    assert job.notification == {"emails": [own.lower()], "on": ["succeeded", "failed"]}


def test_only_administrators_are_offered_routes(company: Company, sign_in: SignIn, file: TuningFile) -> None:
    Route.objects.create(organization=company.organization, alias="intents")
    client, path = sign_in("dave"), step(file, candidate=0)

    assert "Deploy to route" not in text_of(client, path)
    client.post(path, {"route": "intents", "share": "50"})

    assert TuningJob.objects.get().auto_deploy is None


def test_the_estimate_follows_the_epochs_and_starts_nothing(
    company: Company, sign_in: SignIn, file: TuningFile
) -> None:
    client, path = sign_in("dave"), step(file, candidate=0)

    answers = [client.post(path, {"epochs": epochs, "estimate": "1"}).context["answers"] for epochs in ("2", "40")]

    tokens = [next(one["tokens"] for one in some if one["model"].startswith("gpt-4.1")) for some in answers]
    assert tokens[0] != tokens[1]
    assert TuningJob.objects.count() == 0


def test_a_grader_is_checked(company: Company, sign_in: SignIn) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"What is {number} and {number}?"}], "answer": str(2 * number)}
        for number in range(60)
    ]
    problems = file_of(company, "triage", rows=rows, name="problems.jsonl")
    path = f"{PAGE}?template=graded-reasoning&file={problems.pk}&candidate=0"
    client = sign_in("dave")
    grader = {"type": "string_check", "name": "sum", "input": "{{sample.output_text}}"}

    for text, said in (
        ("{", "This is no JSON"), ("{}", "The type of the grader is one of string_check"),
        (json.dumps(grader), "The grader of type string_check needs reference, operation."),
    ):  # fmt: skip
        assert said in client.post(path, {"grader": text}).content.decode()
    assert TuningJob.objects.count() == 0
    grader |= {"reference": "{{item.answer}}", "operation": "eq"}
    client.post(path, {"grader": json.dumps(grader)})

    assert TuningJob.objects.get().hyperparameters["grader"] == grader
