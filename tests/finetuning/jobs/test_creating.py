"""What is checked and priced before a job is made; room in hard budgets; limits of its own."""

import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from costs.models import BudgetCounter, BudgetLease
from costs.services.budgets import create_budget
from costs.services.holds import BudgetTooSmall
from finetuning.models import JobEvent, TuningJob
from finetuning.services import jobs
from finetuning.services.files import delete_file, inspect_file
from finetuning.services.jobs.files import check
from gateway.models import AuditEvent, OutboxMessage, Provider
from gateway.services import outbox
from gateway.services.errors import Conflict, Invalid
from tests import factories
from tests.analytics.alerts.receiver import receiving
from tests.finetuning.jobs.conftest import BASES, Make, chats, follow, stored

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = {
    "input": {"messages": [{"role": "user", "content": "Hi"}]},
    "preferred_output": [{"role": "assistant", "content": "Hello!"}],
    "non_preferred_output": [{"role": "assistant", "content": "What."}],
}


def test_the_estimate_is_kept_with_its_price(make: Make) -> None:
    job = make("openai", held_out=0)

    assert job.estimate is not None
    tokens = job.estimate["tokens_per_epoch"]
    assert (job.estimate["epochs"], job.estimate["epochs_by"], job.estimate["billable_tokens"]) == (
        4, "given", 4 * tokens
    )  # fmt: skip
    assert job.cost_estimate == 4 * tokens * Decimal("5e-6")
    assert (job.estimate["rate"]["read_on"], job.estimate["rate"]["confidence"]) == ("2026-10-08", "high")
    assert AuditEvent.objects.filter(verb="tuning_job.create", object_id=str(job.pk)).exists()


def test_an_unknown_price_is_null_with_its_reason(make: Make) -> None:
    job = make("together", base_model="acme/some-model")

    assert (job.cost_estimate, job.estimate and job.estimate["notes"][0]["code"]) == (None, "unknown_price")
    done = follow(job)
    assert (done.status, done.cost_actual) == ("succeeded", None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "dpo"}, "file_format"), ({"method": "guessing"}, "method_unknown"),
        ({"backend": "cohere"}, "backend_unknown"), ({"provider": None}, "provider_required"),
        ({"backend": "azure"}, "provider_kind"), ({"rows": 9}, "too_few_examples"),
        ({"base_model": "gpt-3.5-turbo"}, "sunset"), ({"base_model": " "}, "base_model"),
        ({"budget_limit": Decimal("0.001")}, "budget_limit_exceeded"), ({"budget_limit": Decimal(0)}, "budget_limit"),
        ({"hyperparameters": {"n_epoch": 3}}, "hyperparameter_unknown"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameter"),
        ({"hyperparameters": {"batch_size": 10**400}}, "hyperparameter"),
        ({"hyperparameters": {"learning_rate_multiplier": "x"}}, "hyperparameter"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, "hyperparameter"),
        ({"hyperparameters": {"max_context_length": 10**60}}, "hyperparameter"),
        ({"hyperparameters": {"n_epochs": 101}}, "hyperparameter"), ({"suffix": "a:b"}, "suffix"),
        ({"seed": -1}, "seed"), ({"tags": [""]}, "tags"), ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"notification": {"emails": ["stranger@example.com"]}}, "notification"),
        ({"notification": {"webhook": "http://169.254.169.254/x"}}, "address_not_allowed"),
    ],
)  # fmt: skip
def test_what_is_refused(make: Make, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        make("openai", **changes) if "backend" not in changes else _as(make, **changes)

    assert refused.value.code == code
    assert not TuningJob.objects.exists()


@pytest.mark.parametrize(
    ("backend", "lines", "takes"),
    [
        ("local-head", 3, True), ("dicl", 3, True), ("together", 1, True), ("vertex", 3, True),
        ("fireworks", 3, True), ("fireworks", 2, False), ("openai", 9, False), ("openai", 10, True),
        ("azure", 9, False),
    ],
)  # fmt: skip
def test_each_backend_has_its_own_fewest_held_out_lines(
    acme: factories.Acme, provider: Any, backend: str, lines: int, takes: bool
) -> None:
    held_out = stored(acme, chats(lines, "Look it up"), "valid.jsonl")
    inspect_file(held_out)
    held_out.refresh_from_db()
    assert held_out.report is not None
    is_local = backend in ("local-head", "dicl")
    base = {"local-head": "local-head-hash", "dicl": acme.model.name, **BASES}[backend]

    there = None if is_local else provider(backend)

    def made() -> TuningJob:
        return jobs.create_job(
            project=acme.assistant, backend=backend, provider=there, base_model=base,
            method="supervised", training_file=stored(acme, chats(20)), validation_file=held_out, actor=None,
        )  # fmt: skip

    if takes:
        check(made())  # and again before it starts
        return
    with pytest.raises(Invalid) as refused:
        made()
    assert (refused.value.code, refused.value.field) == ("too_few_examples", "validation_file")
    assert f"examples or more; valid.jsonl has {lines}." in refused.value.message


def _as(make: Make, **changes: Any) -> None:
    made = make("openai")
    TuningJob.objects.all().delete()
    jobs.create_job(
        project=made.project, backend=changes["backend"], provider=made.provider, base_model=made.base_model,
        method="supervised", training_file=made.training_file, actor=None,
    )  # fmt: skip


def test_a_file_that_is_deleted_at_the_same_time_is_not_trained_on(acme: factories.Acme) -> None:
    file, is_locked = stored(acme, chats(20)), threading.Event()

    def delete() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            delete_file(file=file, actor=None)
            is_locked.set()
            waiting, until = False, time.monotonic() + 20
            while not waiting and time.monotonic() < until:
                cursor.execute("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                waiting = cursor.fetchone()[0]
        connection.close()

    other = threading.Thread(target=delete)
    other.start()
    is_locked.wait(20)
    with pytest.raises(Invalid) as refused:
        jobs.create_job(
            project=acme.assistant, backend="local-head", provider=None, base_model="local-head-hash",
            method="supervised", training_file=file, actor=None,
        )  # fmt: skip
    other.join()

    assert (refused.value.code, refused.value.field) == ("file_not_found", "training_file")
    assert not TuningJob.objects.exists()


def test_a_preference_job_takes_pairs(acme: factories.Acme, make: Make) -> None:
    file = stored(acme, [{**PAIR, "input": {"messages": [{"role": "user", "content": f"Hi {n}"}]}} for n in range(12)])

    job = follow(make("openai", method="dpo", training_file=file, held_out=0))

    assert (job.status, job.method) == ("succeeded", "dpo")


def test_the_same_rows_are_no_held_out_rows(acme: factories.Acme, make: Make) -> None:
    file = stored(acme, chats(20))

    with pytest.raises(Invalid, match="says nothing"):
        make("openai", training_file=file, validation_file=stored(acme, chats(20), "again.jsonl"))


def test_a_limit_needs_a_known_price(make: Make) -> None:
    with pytest.raises(Invalid) as refused:
        make("together", base_model="acme/some-model", budget_limit=Decimal(5))

    assert refused.value.code == "budget_limit_unknown"


def budget(acme: factories.Acme, amount: str) -> Any:
    return create_budget(
        organization=acme.organization, actor=None, name="Assistant", scope="project",
        scope_value=str(acme.assistant.pk), amount=Decimal(amount),
    )  # fmt: skip


def test_a_hard_budget_keeps_room_until_the_line_is_booked(acme: factories.Acme, make: Make) -> None:
    row = budget(acme, "1")
    job = make("openai")
    assert job.cost_estimate is not None

    counter = BudgetCounter.objects.get(budget_id=row.pk)
    assert (counter.leased, counter.spent, job.holds) == (job.cost_estimate, Decimal(0), [counter.pk])

    done = follow(job)

    counter.refresh_from_db()
    assert (counter.leased, counter.spent) == (Decimal(0), done.cost_actual)
    assert not BudgetLease.objects.exists()


def test_a_hard_budget_without_room_refuses(acme: factories.Acme, make: Make) -> None:
    budget(acme, "0.001")

    with pytest.raises(BudgetTooSmall, match="The budget Assistant has no room for") as refused:
        make("openai")

    assert (refused.value.status, refused.value.code) == (402, "budget_exceeded")
    assert not TuningJob.objects.exists()
    assert not BudgetLease.objects.exists()


def test_two_jobs_share_what_a_budget_has(acme: factories.Acme, make: Make) -> None:
    first = make("openai")
    assert first.cost_estimate is not None
    jobs.cancel_job(job=first, actor=None)
    budget(acme, f"{first.cost_estimate * Decimal('1.5'):.10f}")

    second = make("openai")
    with pytest.raises(BudgetTooSmall):
        make("openai")

    over = jobs.cancel_job(job=second, actor=None)  # before it reached its backend
    assert (over.status, over.cost_actual, over.line_id) == ("cancelled", Decimal(0), None)
    assert make("openai").pk


def test_a_job_that_would_pass_its_limit_is_cancelled_while_it_runs(make: Make) -> None:
    wished: dict[str, Any] = {"hyperparameters": {"batch_size": 5}, "suffix": "sim-epochs-20"}
    limit = make("openai", **wished).cost_estimate  # by the rule: 5 epochs; the provider takes 20
    assert limit is not None

    job = follow(make("openai", budget_limit=limit * 2, notification={"emails": ["bob@acme.example"]}, **wished))

    assert job.status == "cancelled"
    event = JobEvent.objects.get(job=job, key="gateway:budget")
    assert (event.level, "more than its limit" in event.message) == ("warn", True)
    assert job.cost_actual is not None
    assert job.cost_actual <= limit * 2
    mails = OutboxMessage.objects.filter(topic="mail", dedupe_key__startswith="tuning.").values_list(
        "dedupe_key", flat=True
    )
    assert set(mails) == {f"tuning.{job.pk}.{what}.bob@acme.example" for what in ("budget", "cancelled")}


@pytest.mark.slow
def test_the_end_is_mailed_and_posted_once(make: Make, mailoutbox: list[Any], settings: Any) -> None:
    with receiving() as receiver:
        settings.GATEWAY_PRIVATE_UPSTREAMS = [*settings.GATEWAY_PRIVATE_UPSTREAMS, f"127.0.0.1:{receiver.port}"]
        job = make(
            "openai", notification={"emails": ["bob@acme.example"], "webhook": receiver.url, "on": ["succeeded"]}
        )
        assert job.webhook_secret.startswith("whsec_")
        assert "hooks" not in str(job.notification)
        follow(job)
        outbox.relay()

    assert [mail.subject for mail in mailoutbox if "Fine-tuning" in mail.subject] == [
        f"[Fine-tuning] {job.name}: succeeded"
    ]
    [(headers, _)], [body] = receiver.got, receiver.bodies
    assert headers["webhook-id"] == f"tuning.{job.pk}.succeeded"
    assert headers["webhook-signature"].startswith("v1,")
    assert (body["type"], body["data"]["status"]) == ("fine_tuning.job.succeeded", "succeeded")


def test_what_is_over_is_not_steered(make: Make) -> None:
    job = follow(make("openai"))

    for verb in (jobs.cancel_job, jobs.pause_job, jobs.resume_job):
        with pytest.raises(Conflict):
            verb(job=job, actor=None)
    jobs.delete_job(job=job, actor=None)
    assert not TuningJob.objects.exists()


def test_a_running_job_is_not_deleted(make: Make) -> None:
    with pytest.raises(Conflict, match="cancel it first"):
        jobs.delete_job(job=make("openai"), actor=None)


def test_a_disabled_provider_trains_nothing(make: Make) -> None:
    make("openai")
    Provider.objects.update(is_enabled=False)

    with pytest.raises(Invalid) as refused:
        make("openai")

    assert refused.value.code == "provider_disabled"
