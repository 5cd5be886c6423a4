"""What a job does once it has succeeded: its evaluation. And graders, which are checked before it starts."""

from typing import Any

import pytest

from finetuning.backends import Seen
from finetuning.models import Evaluation, JobEvent
from finetuning.services.jobs import finish_job
from finetuning.services.jobs.following import checked
from finetuning.services.jobs.grading import check_grader
from gateway.services.errors import Invalid
from tests.factories import Acme, acme, offer
from tests.finetuning.answers.conftest import Make, make_file, make_job  # noqa: F401

pytestmark = pytest.mark.django_db
SEEN = Seen("succeeded", "succeeded", job_id="ftjob-1", tuned_model="ft:gpt-4o-mini:acme:x:1")
WISH = {"base": "gpt-4o-mini", "metrics": ["exact", "judge"], "judge": {"model": "gpt-4.1", "rubric": ""}}
CHECK = {"type": "string_check", "name": "a", "input": "x", "reference": "y", "operation": "eq"}


@pytest.fixture
def company() -> Acme:
    company = acme()
    offer(company, "gpt-4o-mini", "gpt-4.1")
    return company


def test_success_queues_one_evaluation(company: Acme, make_job: Make, make_file: Make) -> None:  # noqa: F811
    job = make_job(
        status="running", backend="openai", provider=company.provider, evaluation=WISH, validation_file=make_file()
    )

    finish_job(job, SEEN)
    finish_job(job, SEEN)

    made = Evaluation.objects.get()
    assert [one["model"] for one in made.contestants] == ["gpt-4o-mini", "ft:gpt-4o-mini:acme:x:1"]
    assert (made.job, made.file, made.metrics, made.judge) == (job, job.validation_file, WISH["metrics"], WISH["judge"])
    event = JobEvent.objects.get(job=job, key="gateway:evaluation")
    assert event.message == f"Its evaluation against gpt-4o-mini was queued: {made.pk}."


def test_a_job_that_failed_evaluates_nothing(company: Acme, make_job: Make, make_file: Make) -> None:  # noqa: F811
    job = make_job(
        status="running", backend="openai", provider=company.provider, evaluation=WISH, validation_file=make_file()
    )

    finish_job(job, Seen("failed", "failed", job_id="ftjob-1"))

    assert not Evaluation.objects.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"base": ""}, "evaluation_base"),
        ({"base": "m", "metrics": ["bleu"]}, "unknown_metric"),
        ({"base": "m", "metrics": ["judge"]}, "judge"),
        ({"base": "m", "judge": {"rubric": "short"}}, "judge"),
        ({"base": "ft:local-head:bogus:x:1"}, "model_not_found"),
        ({"base": "gpt-4.1", "judge": {"model": "dicl:nope"}}, "model_not_found"),
    ],
)
def test_bad_wishes_are_refused(
    company: Acme, make_file: Make, given: dict[str, Any], code: str  # noqa: F811
) -> None:  # fmt: skip
    with pytest.raises(Invalid) as caught:
        checked(given, make_file(), company.organization.pk)

    assert caught.value.code == code


def test_what_an_evaluation_needs(company: Acme, make_file: Make) -> None:  # noqa: F811
    with pytest.raises(Invalid, match="held-out lines"):
        checked({"base": "gpt-4.1"}, None, company.organization.pk)
    with pytest.raises(Invalid, match="Only chats"):
        checked({"base": "gpt-4.1"}, make_file(format="preference"), company.organization.pk)
    assert checked(None, None, company.organization.pk) is None
    found = checked({"base": "gpt-4.1"}, make_file(), company.organization.pk)
    assert found == {"base": "gpt-4.1", "metrics": ["exact"], "judge": None}


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        ([], "a JSON object"),
        ({"type": "label_model"}, "is one of string_check"),
        ({**CHECK, "operation": "gt"}, "The operation of the grader"),
        ({"type": "python", "name": "a"}, "needs source"),
        ({"type": "multi", "name": "m", "calculate_output": "a", "graders": [CHECK]}, "an object of graders"),
        ({"type": "multi", "name": "m", "calculate_output": "a", "graders": {"a": {"type": "x"}}}, "grader.a"),
    ],
)
def test_graders_without_their_parts_are_refused(grader: Any, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        check_grader(grader)


def test_a_grader_of_several() -> None:
    check_grader({"type": "multi", "name": "m", "calculate_output": "a", "graders": {"a": CHECK}})
