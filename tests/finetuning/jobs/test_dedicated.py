"""Dedicated endpoints of Together and Fireworks: made with the first route, billed by the hour, deleted with the last,
however often a round is cut off."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openai
import pytest
from django.utils import timezone

from finetuning.answers.hosting import upkeep_of
from finetuning.backends import HostsModels, host_of
from finetuning.models import HostedTime, Hosting, TunedModel
from finetuning.services import hosting, jobs
from finetuning.services.deploying import deploy, withdraw
from gateway.models import LedgerLine, Model, Provider, RouteTarget
from gateway.services import catalog
from gateway.simulator.process import SimulatorProcess
from tests import factories
from tests.finetuning.jobs.conftest import Make, follow

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = {
    "together": {"hardware": "1x_nvidia_h100_80gb_sxm"},
    "fireworks": {"accelerator": "NVIDIA_H100_80GB", "gpu_hour_price": "7"},
}
PER_HOUR = {"together": Decimal("3.99"), "fireworks": Decimal(7)}
BOTH = pytest.mark.parametrize("backend", sorted(OPTIONS))


@pytest.fixture
def alias(acme: factories.Acme) -> str:
    return acme.route.alias


def tuned_at(make: Make, provider: Any, backend: str, **options: str) -> TunedModel:
    row = Provider.objects.filter(slug=backend).first() or provider(backend)
    catalog.update_provider(provider=row, actor=None, options={**OPTIONS[backend], **options})
    return TunedModel.objects.select_related("provider").get(job=follow(make(backend)))


def rounds(count: int = 1) -> None:
    for _ in range(count):
        Hosting.objects.exclude(due_at=None).update(due_at=timezone.now(), claimed_until=None)
        hosting.sync_due()


def on_route(alias: str) -> list[str]:
    return list(RouteTarget.objects.filter(route__alias=alias).values_list("model__upstream_name", flat=True))


def host(tuned: TunedModel) -> HostsModels:
    found = host_of(tuned.backend)
    assert found is not None
    return found


@pytest.mark.slow
@BOTH
def test_from_the_first_route_to_the_last(
    make: Make, provider: Any, alias: str, upstream: SimulatorProcess, backend: str
) -> None:
    tuned = tuned_at(make, provider, backend)
    assert tuned.catalog_model is not None
    assert not tuned.catalog_model.is_enabled
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    assert not HostedTime.objects.exists()
    rounds(2)

    row, model = Hosting.objects.get(), Model.objects.get(pk=tuned.catalog_model_id)
    assert (row.state, row.error, row.per_hour) == ("serving", "", PER_HOUR[backend])
    assert (model.is_enabled, model.upstream_name) == (True, row.called)
    assert row.called in on_route(alias)
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0) as client:
        said: Any = [{"role": "user", "content": "hello"}]
        assert client.chat.completions.create(model=row.called, messages=said, max_tokens=4).model == row.called
    tuned = TunedModel.objects.select_related("hosting", "job").get()
    assert upkeep_of(tuned, timezone.now()).per_month == 730 * PER_HOUR[backend]

    withdraw(tuned=tuned, alias=alias, actor=None)
    assert row.called not in on_route(alias)
    rounds(1)

    row.refresh_from_db()
    assert (row.state, row.due_at, host(tuned).hosted(row).state) == ("ended", None, "absent")
    HostedTime.objects.update(since=datetime(2026, 11, 1, 18, tzinfo=UTC), until=datetime(2026, 11, 3, 6, tzinfo=UTC))
    assert [jobs.book_hosting(datetime(2026, 11, 10, tzinfo=UTC).date()) for _ in range(2)] == [3, 0]
    lines = LedgerLine.objects.filter(kind="hosting").order_by("started_at")
    assert [line.cost for line in lines] == [hours * PER_HOUR[backend] for hours in (6, 24, 6)]
    assert {(line.provider, line.model_served) for line in lines} == {(backend, tuned.name)}


@pytest.mark.slow
@BOTH
def test_what_a_killed_round_has_made_is_found_billed_and_deleted(
    make: Make, provider: Any, alias: str, backend: str
) -> None:
    tuned = tuned_at(make, provider, backend)
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    claimed = hosting._claim(tuned)
    assert claimed is not None
    host(tuned).host(claimed)  # and here the process ends
    made = timezone.now()

    withdraw(tuned=tuned, alias=alias, actor=None)
    rounds(2)

    time = HostedTime.objects.get(tuned=tuned)
    assert time.since <= made
    assert time.until is not None
    assert (Hosting.objects.get().state, host(tuned).hosted(claimed).state) == ("ended", "absent")


@pytest.mark.slow
def test_a_second_endpoint_of_the_same_name_is_deleted_at_once(make: Make, provider: Any, alias: str) -> None:
    """Together gives the ids itself, so one that was asked for twice is there twice."""
    tuned = tuned_at(make, provider, "together")
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    claimed = hosting._claim(tuned)
    assert claimed is not None
    host(tuned).host(claimed)
    first = host(tuned)._mine(claimed)  # type: ignore[attr-defined]
    host(tuned).host(claimed)

    rounds(1)

    assert [row["id"] for row in host(tuned)._mine(claimed)] == [row["id"] for row in first]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_hours_without_a_stated_price_are_unpriced(make: Make, provider: Any, alias: str) -> None:
    tuned = tuned_at(make, provider, "fireworks", gpu_hour_price="")
    deploy(tuned=tuned, alias=alias, share=25, actor=None)
    rounds(2)
    HostedTime.objects.update(since=datetime(2026, 11, 1, 18, tzinfo=UTC), until=datetime(2026, 11, 1, 20, tzinfo=UTC))
    jobs.book_hosting(datetime(2026, 11, 10, tzinfo=UTC).date())

    line = LedgerLine.objects.get(kind="hosting")
    assert (line.cost, line.price_status) == (None, "unpriced")


@pytest.mark.slow
def test_without_the_option_nothing_is_deployed(make: Make, provider: Any, alias: str) -> None:
    job = follow(make("together"))
    deploy(tuned=TunedModel.objects.get(job=job), alias=alias, share=25, actor=None)

    assert job.tuned_model in on_route(alias)
    assert not Hosting.objects.exists()
