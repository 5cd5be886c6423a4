"""Tuned models on routes: shares, moved shares, and everything as before."""

import pytest

from finetuning.backends import Seen
from finetuning.models import JobEvent, TunedModel
from finetuning.services.deploying import deploy, withdraw
from finetuning.services.jobs import finish_job
from gateway.models import AuditEvent, Model, Route
from gateway.services import catalog
from gateway.services.catalog import Target
from gateway.services.errors import Conflict, Invalid
from tests.factories import Acme
from tests.finetuning.answers.conftest import Make

pytestmark = pytest.mark.django_db


@pytest.fixture
def tuned(company: Acme, make_tuned: Make) -> TunedModel:
    model = Model.objects.create(
        organization=company.organization, provider=company.provider, name="ft:x", upstream_name="ft:x"
    )
    return make_tuned("ft:x", catalog_model=model)


def targets(alias: str) -> list[tuple[str, int, int]]:
    route = Route.objects.get(alias=alias)
    return [(one.model.name, one.priority, one.weight) for one in route.targets.select_related("model")]


def test_a_share_of_a_route(company: Acme, tuned: TunedModel) -> None:
    other = Model.objects.create(
        organization=company.organization, provider=company.provider, name="other", upstream_name="other"
    )
    catalog.update_route(route=company.route, actor=None, targets=[Target(company.model, 0, 3), Target(other, 1, 1)])
    alias, before = company.route.alias, targets(company.route.alias)

    deploy(tuned=tuned, alias=alias, share=10, actor=None)
    assert targets(alias) == [(company.model.name, 0, 9), ("ft:x", 0, 1), ("other", 1, 1)]
    deploy(tuned=tuned, alias=alias, share=50, actor=None)
    assert sorted(targets(alias)) == [("ft:x", 0, 1), (company.model.name, 0, 1), ("other", 1, 1)]
    deploy(tuned=tuned, alias=alias, share=100, actor=None)
    assert targets(alias) == [("ft:x", 0, 1), (company.model.name, 1, 3), ("other", 2, 1)]
    withdraw(tuned=tuned, alias=alias, actor=None)

    assert targets(alias) == before
    verbs = AuditEvent.objects.filter(verb__startswith="tuned_model").values_list("verb", flat=True).order_by("id")
    assert list(verbs) == ["tuned_model.deploy"] * 3 + ["tuned_model.withdraw"]
    with pytest.raises(Conflict):
        withdraw(tuned=tuned, alias=alias, actor=None)


def test_a_models_name_becomes_a_route_and_a_model_again(company: Acme, tuned: TunedModel) -> None:
    name = company.model.name
    Route.objects.filter(alias=name).delete()

    deploy(tuned=tuned, alias=name, share=25, actor=None)
    assert sorted(targets(name)) == [("ft:x", 0, 1), (name, 0, 3)]
    tuned.refresh_from_db()
    assert tuned.serving["routes"] == {name: {"share": 25, "former": None}}
    withdraw(tuned=tuned, alias=name, actor=None)

    assert not Route.objects.filter(alias=name).exists()


def test_what_cannot_be_is_refused(company: Acme, tuned: TunedModel, make_tuned: Make) -> None:
    with pytest.raises(Invalid):
        deploy(tuned=tuned, alias=company.route.alias, share=0, actor=None)
    with pytest.raises(Invalid):
        deploy(tuned=tuned, alias="nothing-of-this-name", share=10, actor=None)
    with pytest.raises(Conflict):
        deploy(tuned=make_tuned("ft:y"), alias=company.route.alias, share=10, actor=None)


def test_a_job_puts_its_model_on_the_route_it_was_made_with(company: Acme, make_job: Make) -> None:
    wish = {"route": company.route.alias, "share": 0.25}
    job = make_job(status="running", backend="openai", provider=company.provider, auto_deploy=wish)

    finish_job(job, Seen("succeeded", "succeeded", job_id="ftjob-1", tuned_model="ft:gpt-4o-mini:acme:x:1"))

    assert ("ft:gpt-4o-mini:acme:x:1", 0, 1) in targets(company.route.alias)
    event = JobEvent.objects.get(job=job, key="gateway:deployed")
    assert event.message == f"It answers 25 % of the calls of the route {company.route.alias}."


def test_who_lost_the_role_since_changes_no_route(company: Acme, make_job: Make) -> None:
    wish, before = {"route": company.route.alias, "share": 1.0}, targets(company.route.alias)
    job = make_job(
        status="running", backend="openai", provider=company.provider, auto_deploy=wish,
        created_by=company.people["bob"],
    )  # fmt: skip

    finish_job(job, Seen("succeeded", "succeeded", job_id="ftjob-1", tuned_model="ft:gpt-4o-mini:acme:x:1"))

    assert targets(company.route.alias) == before
    event = JobEvent.objects.get(job=job, key="gateway:deployed")
    assert "Only administrators put models on routes" in event.message


def test_a_route_that_is_not_there_is_told_and_the_job_succeeds(company: Acme, make_job: Make) -> None:
    job = make_job(status="running", backend="openai", provider=company.provider, auto_deploy={"route": "none"})

    finish_job(job, Seen("succeeded", "succeeded", job_id="ftjob-1", tuned_model="ft:gpt-4o-mini:acme:x:1"))

    job.refresh_from_db()
    assert job.status == "succeeded"
    event = JobEvent.objects.get(job=job, key="gateway:deployed")
    assert (event.level, event.message.startswith("It was not put on the route none:")) == ("warn", True)
