"""Tuned models at Azure: deployed, put on routes, billed by the hour, and gone again, however often it is cut off."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import openai
import pytest
from django.utils import timezone

from finetuning.backends.azurehosting import AzureHosting
from finetuning.models import HostedTime, Hosting, JobEvent, TunedModel
from finetuning.services import hosting, jobs
from finetuning.services.deploying import deploy, withdraw
from gateway.models import LedgerLine, Model, Provider, RouteTarget
from gateway.services import catalog
from gateway.services.errors import Conflict, Invalid
from gateway.simulator.process import SimulatorProcess
from tests import factories
from tests.finetuning.jobs.conftest import Make, follow

pytestmark = pytest.mark.django_db(transaction=True)
RESOURCE = "/subscriptions/0a1b/resourceGroups/llm/providers/Microsoft.CognitiveServices/accounts/acme"
PRINCIPAL = {"api_key": "sk-test", "tenant_id": "acme.example", "client_id": "gateway", "client_secret": "s3cret"}


@pytest.fixture
def tuned(make: Make) -> TunedModel:
    """One that Azure has trained, whose provider may deploy."""
    job = follow(make("azure"))
    catalog.update_provider(
        provider=Provider.objects.get(slug="azure"), actor=None, options={"resource": RESOURCE},
        credential=json.dumps(PRINCIPAL),
    )  # fmt: skip
    return TunedModel.objects.get(job=job)


@pytest.fixture
def alias(acme: factories.Acme) -> str:
    return acme.route.alias


def on_route(alias: str) -> list[str]:
    return list(RouteTarget.objects.filter(route__alias=alias).values_list("model__upstream_name", flat=True))


def due() -> None:
    Hosting.objects.exclude(due_at=None).update(due_at=timezone.now(), claimed_until=None)


def rounds(count: int = 1) -> None:
    for _ in range(count):
        due()
        hosting.sync_due()


def puts(upstream: SimulatorProcess) -> int:
    return sum("/deployments/" in row["path"] and row["model"] is not None for row in upstream.records())


def at_azure(row: Hosting) -> str:
    return AzureHosting().hosted(row).state


@pytest.mark.slow
def test_deploy_makes_it_answer_and_withdraw_ends_it(tuned: TunedModel, alias: str, upstream: SimulatorProcess) -> None:
    before = timezone.now()
    deploy(tuned=tuned, alias=alias, share=25, actor=None)

    row = Hosting.objects.get(tuned=tuned)
    assert (row.state, row.waits, row.name) == ("asked", {alias: 25}, f"gateway-{tuned.pk.hex}")
    rounds(1)
    assert Hosting.objects.get().state == "creating"
    assert not HostedTime.objects.exists()
    rounds(1)

    row.refresh_from_db()
    tuned.refresh_from_db()
    assert (row.state, row.waits, row.error) == ("serving", {}, "")
    assert tuned.hosting_since is not None
    assert before <= tuned.hosting_since <= timezone.now()
    assert tuned.serving["routes"][alias]["share"] == 25
    assert row.name in on_route(alias)
    model = Model.objects.get(pk=tuned.catalog_model_id)
    assert (model.is_enabled, model.upstream_name, model.name) == (True, row.name, tuned.name)
    with openai.OpenAI(base_url=f"{upstream.url}/openai/v1", api_key="sk-test", max_retries=0) as client:
        said = [{"role": "user", "content": "hello"}]
        answer = client.chat.completions.create(model=row.name, messages=said, max_tokens=4)  # type: ignore[arg-type]
        assert answer.model == row.name
        with pytest.raises(openai.NotFoundError):  # a tuned model answers by its deployment alone
            client.chat.completions.create(model=tuned.name, messages=said, max_tokens=4)  # type: ignore[arg-type]

    withdraw(tuned=tuned, alias=alias, actor=None)
    model.refresh_from_db()
    assert (model.is_enabled, row.name in on_route(alias)) == (False, False)
    rounds(1)

    row.refresh_from_db()
    tuned.refresh_from_db()
    assert (row.state, row.is_wanted, row.due_at, at_azure(row)) == ("ended", False, None, "absent")
    assert tuned.hosting_until is not None
    assert HostedTime.objects.get(tuned=tuned).until == tuned.hosting_until
    assert puts(upstream) == 1


@pytest.mark.slow
def test_its_hours_are_billed_once_each(tuned: TunedModel, alias: str) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    HostedTime.objects.update(since=datetime(2026, 11, 1, 18, tzinfo=UTC), until=datetime(2026, 11, 3, 6, tzinfo=UTC))

    assert [jobs.book_hosting(datetime(2026, 11, 10, tzinfo=UTC).date()) for _ in range(2)] == [3, 0]

    lines = LedgerLine.objects.filter(kind="hosting").order_by("started_at")
    assert [line.cost for line in lines] == [Decimal("10.2"), Decimal("40.8"), Decimal("10.2")]  # 6, 24, 6 h at 1.70
    assert {(line.provider, line.model_served) for line in lines} == {("azure", tuned.name)}


@pytest.mark.slow
def test_a_second_deploy_asks_for_nothing_new_and_a_share_moves(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    deploy(tuned=tuned, alias=alias, share=50, actor=None)
    rounds(2)
    tuned.refresh_from_db()
    assert tuned.serving["routes"][alias]["share"] == 50

    deploy(tuned=tuned, alias=alias, share=10, actor=None)
    rounds(1)

    tuned.refresh_from_db()
    assert tuned.serving["routes"][alias]["share"] == 10
    assert (puts(upstream), HostedTime.objects.count(), Hosting.objects.count()) == (1, 1, 1)


@pytest.mark.slow
def test_a_round_that_was_killed_after_the_vendor_had_made_it(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    claimed = hosting._claim(tuned)
    assert claimed is not None
    AzureHosting().host(claimed)  # and here the process ends
    made = timezone.now()
    assert hosting._claim(tuned) is None  # its claim holds until it runs out
    assert AzureHosting().hosted(claimed).state == "ready"

    rounds(1)

    tuned.refresh_from_db()
    assert tuned.hosting_since is not None
    assert tuned.hosting_since <= made  # billed from when it was made, not from when it was seen
    assert (puts(upstream), Hosting.objects.get().state) == (1, "serving")


@pytest.mark.slow
def test_what_a_killed_round_has_made_is_billed_and_deleted_though_nobody_wants_it_any_more(
    tuned: TunedModel, alias: str
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    claimed = hosting._claim(tuned)
    assert claimed is not None
    AzureHosting().host(claimed)

    withdraw(tuned=tuned, alias=alias, actor=None)
    rounds(2)

    time = HostedTime.objects.get(tuned=tuned)
    assert time.until is not None
    assert time.since < time.until
    assert (Hosting.objects.get().state, at_azure(claimed)) == ("ended", "absent")


@pytest.mark.slow
def test_a_vendor_that_is_away_is_asked_again_and_billed_until_it_has_deleted(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    withdraw(tuned=tuned, alias=alias, actor=None)
    upstream.configure(down="503")
    rounds(2)

    row = Hosting.objects.get()
    assert (row.failures, HostedTime.objects.get().until) == (2, None)
    assert row.due_at is not None
    assert timedelta(seconds=5) < row.due_at - timezone.now() <= timedelta(seconds=10)

    upstream.configure(down=False)
    rounds(1)

    assert Hosting.objects.get().state == "ended"
    assert HostedTime.objects.get().until is not None


@pytest.mark.slow
def test_what_cannot_be_deployed_fails_and_costs_nothing(make: Make, alias: str, upstream: SimulatorProcess) -> None:
    job = follow(make("azure", suffix="sim-nodeploy"))
    catalog.update_provider(
        provider=Provider.objects.get(slug="azure"), actor=None, options={"resource": RESOURCE},
        credential=json.dumps(PRINCIPAL),
    )  # fmt: skip
    deploy(tuned=TunedModel.objects.get(job=job), alias=alias, share=25, actor=None)
    rounds(3)

    row = Hosting.objects.get()
    assert (row.state, row.is_wanted, row.waits) == ("failed", False, {})
    assert row.error == "It could not be deployed: Azure says that the deployment is Failed."
    assert not HostedTime.objects.exists()
    assert JobEvent.objects.filter(job=job, level="error", message=row.error).exists()
    assert at_azure(row) == "absent"


@pytest.mark.slow
def test_one_that_azure_has_ended_is_told_and_billed_no_more(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    AzureHosting().unhost(Hosting.objects.get())  # as Azure does after 15 days without a call
    rounds(1)

    row, tuned = Hosting.objects.get(), TunedModel.objects.get()
    assert (row.state, row.error) == ("failed", hosting.GONE)
    assert tuned.hosting_until is not None
    assert not Model.objects.get(pk=tuned.catalog_model_id).is_enabled

    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)

    first, second = HostedTime.objects.order_by("since")
    assert (Hosting.objects.get().state, first.until, second.until) == ("serving", tuned.hosting_until, None)
    assert puts(upstream) == 2


@pytest.mark.slow
def test_one_that_is_wanted_again_while_it_is_being_deleted(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    withdraw(tuned=tuned, alias=alias, actor=None)
    AzureHosting().unhost(Hosting.objects.get())  # and here the process ends
    deploy(tuned=tuned, alias=alias, share=50, actor=None)
    rounds(2)

    row = Hosting.objects.get()
    first, second = HostedTime.objects.order_by("since")
    assert (row.state, row.error, second.until) == ("serving", "", None)
    assert first.until is not None
    assert first.until <= second.since
    assert (on_route(alias).count(row.name), puts(upstream)) == (1, 2)


@pytest.mark.slow
def test_the_developer_tier_is_free(tuned: TunedModel, alias: str) -> None:
    options = {"resource": RESOURCE, "deployment_type": "DeveloperTier"}
    catalog.update_provider(provider=Provider.objects.get(slug="azure"), actor=None, options=options)
    tuned = TunedModel.objects.get()
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)

    assert (Hosting.objects.get().kind, HostedTime.objects.get().is_free) == ("DeveloperTier", True)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"options": {}}, "resource_missing"), ({"credential": "sk-test"}, "principal_missing")],
)
def test_what_is_not_configured_is_said_at_once(
    tuned: TunedModel, alias: str, fields: dict[str, Any], code: str
) -> None:
    catalog.update_provider(provider=Provider.objects.get(slug="azure"), actor=None, **fields)

    with pytest.raises(Conflict) as refused:
        deploy(tuned=TunedModel.objects.get(), alias=alias, share=25, actor=None)

    assert refused.value.code == code
    assert not Hosting.objects.exists()


def test_a_route_that_is_not_there_deploys_nothing(tuned: TunedModel) -> None:
    with pytest.raises(Invalid):
        deploy(tuned=tuned, alias="nothing-of-this-name", share=25, actor=None)

    assert not Hosting.objects.exists()


def test_a_secret_that_entra_refuses_is_told_and_tried_again(
    tuned: TunedModel, alias: str, upstream: SimulatorProcess
) -> None:
    wrong = json.dumps({**PRINCIPAL, "client_secret": "sk-invalid"})
    catalog.update_provider(provider=Provider.objects.get(slug="azure"), actor=None, credential=wrong)
    deploy(tuned=TunedModel.objects.get(), alias=alias, share=25, actor=None)
    rounds(1)

    row = Hosting.objects.get()
    assert (row.state, row.failures) == ("asked", 1)
    assert row.error == "Azure: Entra ID gave no access token (HTTP 401)."
    assert puts(upstream) == 0


@pytest.mark.slow
def test_a_job_that_succeeds_deploys_by_itself(make: Make, acme: factories.Acme) -> None:
    wish = {"route": acme.route.alias, "share": 0.25}
    job = make("azure", auto_deploy=wish, actor=acme.people["alice"])
    catalog.update_provider(
        provider=Provider.objects.get(slug="azure"), actor=None, options={"resource": RESOURCE},
        credential=json.dumps(PRINCIPAL),
    )  # fmt: skip
    follow(job)
    rounds(2)

    row = Hosting.objects.get(tuned__job=job)
    assert row.state == "serving"
    assert row.name in on_route(acme.route.alias)
    told = f"It answers 25 % of the calls of the route {acme.route.alias}."
    assert JobEvent.objects.filter(job=job, message=told).count() == 1


@pytest.mark.slow
def test_one_that_is_on_a_route_by_hand_stays_deployed(tuned: TunedModel, alias: str, acme: factories.Acme) -> None:
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    tuned.refresh_from_db()
    assert tuned.catalog_model is not None
    catalog.create_route(
        organization=acme.organization, actor=None, alias="by-hand", targets=[catalog.Target(tuned.catalog_model)]
    )

    withdraw(tuned=tuned, alias=alias, actor=None)
    rounds(1)

    assert (Hosting.objects.get().state, HostedTime.objects.get().until) == ("serving", None)
