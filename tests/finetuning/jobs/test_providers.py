"""Jobs at every vendor over HTTP, against the simulated provider: from files to a tuned model and its ledger line."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import openai
import pytest

from finetuning.models import Checkpoint, JobEvent, JobPoint, TunedModel, TuningJob
from finetuning.services import jobs
from finetuning.services.jobs import syncing
from gateway.models import LedgerLine, Provider
from gateway.simulator.process import SimulatorProcess
from tests import factories
from tests.finetuning.jobs.conftest import BASES, Make, chats, follow, stored

pytestmark = pytest.mark.django_db(transaction=True)
ALL = tuple(BASES)


def line_of(job: TuningJob) -> LedgerLine:
    return LedgerLine.objects.get(kind="training", request_id=job.public_id)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ALL)
def test_a_job_runs_to_its_tuned_model(make: Make, backend: str) -> None:
    job = follow(make(backend))

    assert (job.status, job.progress, job.sync_failures, job.error) == ("succeeded", 1.0, 0, None)
    assert job.tuned_model
    assert job.started_at is not None
    tuned = TunedModel.objects.get(job=job)
    assert (tuned.name, tuned.backend, tuned.base_model) == (job.tuned_model, backend, BASES[backend])
    assert tuned.catalog_model is not None
    assert tuned.catalog_model.is_enabled == (backend != "azure")
    assert job.line_id == line_of(job).id
    assert job.hyperparameters["used"]["n_epochs"] == 4
    assert not TuningJob.objects.open().exists()


@pytest.mark.slow
def test_openai_tells_events_points_checkpoints_and_a_result_file(make: Make) -> None:
    job = follow(make("openai", suffix="parcels"))

    assert job.tuned_model.startswith("ft:gpt-4.1-mini-2025-04-14:acme:parcels:")
    points = list(JobPoint.objects.filter(job=job))
    assert [point.step for point in points] == list(range(1, 17))
    assert (points[0].epoch, points[3].epoch) == (0.25, 1.0)
    assert all(point.train_loss is not None and point.valid_loss is not None for point in points)
    assert [point.step for point in points if point.full_valid_loss is not None] == [4, 8, 12, 16]
    kept = list(Checkpoint.objects.filter(job=job))
    assert [one.step for one in kept] == [16, 12, 8]  # the last three epochs
    assert [one.model for one in kept] == [
        job.tuned_model, f"{job.tuned_model}:ckpt-step-12", f"{job.tuned_model}:ckpt-step-8"
    ]  # fmt: skip
    assert job.result_file is not None
    assert (job.result_file.purpose, job.result_file.origin) == ("fine-tune-results", "job")
    messages = list(JobEvent.objects.filter(job=job).order_by("at", "id").values_list("message", flat=True))
    assert len(messages) == len(set(messages))
    assert "Step 16/16: training loss=0.06" in messages


@pytest.mark.slow
def test_openai_is_billed_by_its_trained_tokens(make: Make) -> None:
    job = follow(make("openai"))

    line = line_of(job)
    assert job.trained_tokens is not None
    assert line.cost == job.cost_actual == job.trained_tokens * Decimal("5e-6")
    assert (line.usage_source, line.price_status, line.provider, line.is_final) == (
        "reported", "priced", "openai", False
    )  # fmt: skip
    assert line.charges == [
        {
            "meter": "training",
            "rate_id": "finetuning@2026-10-08:openai/gpt-4.1-mini-2025-04-14/supervised:training",
            "quantity": str(job.trained_tokens), "unit_price": "0.000005", "cost": f"{line.cost:f}", "currency": "USD",
        }
    ]  # fmt: skip
    assert (line.model_requested, line.model_served) == (job.base_model, job.tuned_model)


@pytest.mark.slow
def test_azure_is_billed_by_its_event_not_by_trained_tokens(make: Make) -> None:
    job = make("azure", hyperparameters={})
    first = jobs.sync_job(job)

    assert (first.status, first.provider_status, first.hyperparameters.get("used")) == ("queued", "pending", None)

    done = follow(job)

    assert done.billed_tokens is not None
    assert done.billed_tokens % 1000 == 0
    assert done.trained_tokens == int(done.billed_tokens * 1.344)
    assert done.hyperparameters["used"] == {"n_epochs": 5, "batch_size": 1}  # of 20 examples
    assert line_of(done).cost == done.billed_tokens * Decimal("3e-6")
    assert done.tuned_model.startswith("gpt-4o-mini-2024-07-18.ft-")
    assert JobPoint.objects.filter(job=done, full_valid_loss__isnull=False).count() == 5


@pytest.mark.slow
def test_azure_by_a_dated_version(make: Make, provider: Callable[[str], Provider]) -> None:
    row = provider("azure")
    Provider.objects.filter(pk=row.pk).update(options={"api_version": "2024-10-21"})

    assert follow(make("azure")).status == "succeeded"


@pytest.mark.slow
def test_together_by_events_and_metrics(make: Make) -> None:
    job = follow(make("together", suffix="parcels"))

    assert job.tuned_model.startswith("acme/Meta-Llama-3.1-8B-Instruct-Reference-parcels-")
    assert JobPoint.objects.filter(job=job).count() == 16
    assert Checkpoint.objects.filter(job=job, dropped_at=None).count() == 3
    assert "Epoch completed, at step 16" in JobEvent.objects.filter(job=job).values_list("message", flat=True)
    assert job.trained_tokens is not None
    assert line_of(job).cost == job.trained_tokens * Decimal("0.48e-6")


def test_fireworks_names_its_job_and_reads_the_curve(make: Make) -> None:
    job = follow(make("fireworks"))

    assert job.provider_job_id == f"accounts/acme/supervisedFineTuningJobs/gateway-{job.pk.hex}"
    assert JobPoint.objects.filter(job=job).count() == 16
    assert job.cost_estimate is not None
    assert line_of(job).cost == job.cost_estimate  # by our own count: Fireworks tells none
    assert line_of(job).usage_source == "estimated"


def test_a_large_file_goes_to_fireworks_by_a_signed_address(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetuning.backends.fireworks.SMALL_BYTES", 100)

    assert follow(make("fireworks")).status == "succeeded"


def test_vertex_bills_the_data_set_for_each_epoch(make: Make) -> None:
    job = follow(make("vertex"))

    assert job.provider_job_id.startswith("projects/acme/locations/us-central1/tuningJobs/")
    assert job.tuned_model.startswith("projects/acme/locations/us-central1/endpoints/")
    assert [one.step for one in Checkpoint.objects.filter(job=job)] == [80, 60, 40]
    assert job.billed_tokens is not None
    assert line_of(job).cost == job.billed_tokens * Decimal("5e-6")
    assert line_of(job).usage_source == "reported"


def test_vertex_with_the_key_of_a_service_account(make: Make, provider: Callable[[str], Provider]) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    row = provider("vertex")
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    root = row.base_url.partition("/v1/")[0]
    set_credential(row, {"client_email": "a@b.c", "private_key": private.decode(), "token_uri": f"{root}/token"})

    assert follow(make("vertex")).status == "succeeded"


def set_credential(row: Provider, value: dict[str, str]) -> None:
    import json

    from gateway.services import catalog

    catalog.update_provider(provider=row, actor=None, credential=json.dumps(value))


@pytest.mark.slow
def test_a_tuned_model_answers_and_has_its_own_price(make: Make, upstream: SimulatorProcess) -> None:
    from costs.models import PriceOverride

    job = follow(make("openai"))

    with openai.OpenAI(base_url=upstream.base_url, api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(
            model=job.tuned_model, messages=[{"role": "user", "content": "hello"}], max_tokens=4
        )
    assert answer.model == job.tuned_model
    price = PriceOverride.objects.get(model=job.tuned_model)
    assert {meter: Decimal(amount) for meter, amount in price.prices.items()} == {
        "input": Decimal("0.80"), "output": Decimal("3.20"), "cache_read": Decimal("0.20")
    }  # fmt: skip
    assert (price.organization_id, price.provider, price.valid_from) == (
        job.organization_id, "openai", job.finished_at
    )  # fmt: skip


@pytest.mark.slow
def test_without_a_known_price_the_tuned_model_is_unpriced(make: Make) -> None:
    from costs.models import PriceOverride

    job = follow(make("together"))

    assert not PriceOverride.objects.filter(model=job.tuned_model).exists()
    assert JobEvent.objects.filter(job=job, level="warn", message__contains="calls are unpriced").exists()


@pytest.mark.parametrize("backend", ALL)
def test_a_second_start_finds_what_the_first_has_made(make: Make, upstream: SimulatorProcess, backend: str) -> None:
    job = make(backend)
    first = jobs.sync_job(job)
    TuningJob.objects.filter(pk=job.pk).update(provider_job_id="")  # as if the round was cut off before it was stored

    again = jobs.sync_job(job)

    assert again.provider_job_id == first.provider_job_id
    assert follow(job).status == "succeeded"


@pytest.mark.parametrize("backend", ALL)
def test_a_running_job_is_cancelled(make: Make, backend: str) -> None:
    job = make(backend)
    for _ in range(4):
        job = jobs.sync_job(job)
    assert job.status == "running"

    over = jobs.cancel_job(job=job, actor=None)

    assert (over.status, over.tuned_model) == ("cancelled", "")
    assert over.finished_at is not None
    assert line_of(over).status == "cancelled"
    assert line_of(over).cost is not None
    assert not TunedModel.objects.exists()


@pytest.mark.parametrize("backend", ALL)
def test_a_job_that_fails_says_why_and_costs_nothing(make: Make, backend: str) -> None:
    job = follow(make(backend, suffix="sim-fail"))

    assert job.status == "failed"
    assert job.error is not None
    assert "internal error" in job.error["message"].lower()
    line = line_of(job)
    assert (line.cost, line.price_status, line.status) == (Decimal(0), "free", "upstream_error")


@pytest.mark.parametrize(
    ("backend", "word"),
    [("openai", "pending_review"), ("together", "waiting_for_capacity"), ("fireworks", "JOB_STATE_RESHARDING"),
     ("vertex", "JOB_STATE_MIGRATING")],
)  # fmt: skip
def test_a_word_that_nobody_knows_changes_nothing(make: Make, backend: str, word: str) -> None:
    job = make(backend, suffix="sim-odd")
    before = jobs.sync_job(job)
    odd = jobs.sync_job(job)

    assert (odd.provider_status, odd.status, odd.sync_failures) == (word, before.status, 0)
    assert follow(job).status == "succeeded"


def test_pause_and_resume(make: Make) -> None:
    job = make("openai")
    for _ in range(4):
        job = jobs.sync_job(job)

    paused = jobs.pause_job(job=job, actor=None)
    assert paused.status == "paused"
    assert jobs.sync_job(job).status == "paused"
    assert jobs.resume_job(job=job, actor=None).status == "running"
    assert follow(job).status == "succeeded"


def test_pause_is_not_offered_everywhere(make: Make) -> None:
    from gateway.services.errors import Conflict

    job = jobs.sync_job(make("together"))

    with pytest.raises(Conflict, match="Together cannot pause") as refused:
        jobs.pause_job(job=job, actor=None)
    assert refused.value.code == "not_offered"


def test_a_provider_that_is_away_is_asked_again_later(make: Make, upstream: SimulatorProcess) -> None:
    job = make("openai")
    upstream.configure(down=True)
    first, second = jobs.sync_job(job), jobs.sync_job(job)

    assert (first.sync_failures, second.sync_failures, second.status) == (1, 2, "validating_files")
    assert second.sync_due_at is not None
    assert JobEvent.objects.filter(job=job, level="warn").count() == 1

    upstream.configure(down=False)
    done = follow(job)
    assert (done.status, done.sync_failures) == ("succeeded", 0)


def test_a_job_that_the_provider_has_lost_fails_after_a_while(make: Make, upstream: SimulatorProcess) -> None:
    job = jobs.sync_job(make("openai"))
    upstream.reset()

    seen = [jobs.sync_job(job).status for _ in range(syncing.LOST_AFTER)]

    assert seen == ["validating_files"] * (syncing.LOST_AFTER - 1) + ["failed"]
    job.refresh_from_db()
    assert job.error is not None
    assert job.error["code"] == "not_found"


def test_a_provider_that_was_away_has_not_lost_its_jobs(make: Make, upstream: SimulatorProcess) -> None:
    job = jobs.sync_job(make("openai"))
    upstream.configure(down=True)
    for _ in range(syncing.LOST_AFTER):
        job = jobs.sync_job(job)
    assert job.sync_failures == syncing.LOST_AFTER
    upstream.configure(down=False)
    upstream.reset()  # now it does not know the job

    assert jobs.sync_job(job).status == "validating_files"

    assert TuningJob.objects.get(pk=job.pk).provider_state[syncing.UNKNOWN] == 1


def test_what_a_lost_job_cost_is_not_known(make: Make, upstream: SimulatorProcess) -> None:
    job = jobs.sync_job(make("openai"))
    upstream.reset()
    for _ in range(syncing.LOST_AFTER):
        job = jobs.sync_job(job)

    assert (job.status, job.provider_status, job.cost_actual) == ("failed", "lost", None)
    line = LedgerLine.objects.get(kind="training")
    assert (line.cost, line.price_status) == (None, "unpriced")


def test_what_the_provider_refuses_has_failed(make: Make) -> None:
    job = jobs.sync_job(make("openai", base_model="gpt-4o-mini-tts-2099", budget_limit=None))

    assert job.status == "failed"
    assert job.error is not None
    assert job.error["code"] == "model_not_available"
    assert not LedgerLine.objects.filter(kind="training").exists()


def test_a_file_that_vendors_refuse_fails_before_it_is_sent(
    acme: factories.Acme, make: Make, upstream: SimulatorProcess
) -> None:
    rows: list[Any] = [*chats(12), {"messages": [{"role": "user", "content": "no answer"}]}]
    job = jobs.sync_job(make("openai", training_file=stored(acme, rows)))

    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["param"]) == ("invalid_training_file", "training_file")
    assert "line 13" in job.error["message"]
    assert upstream.records() == []
