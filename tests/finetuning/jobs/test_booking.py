"""Lines of jobs and of hosting: each once, whoever books and whenever it is killed; the real trace of Azure."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection

from analytics.exports import service
from analytics.exports.service import Asked
from analytics.rollups.marks import process_marks
from costs.focus.rows import COLUMNS
from costs.focus.validator import validate
from finetuning.backends import Kept, Seen, Told
from finetuning.insights import Kind, Point, Run, diagnose
from finetuning.models import Checkpoint, HostedTime, JobPoint, TunedModel, TuningJob
from finetuning.services import jobs
from finetuning.services.jobs import syncing, times
from gateway.models import LedgerLine
from tests import factories
from tests.finetuning.jobs.conftest import Make, chats, follow, stored

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
URLS = ("DATABASE_URL", "DATABASE_DIRECT_URL")


def finished(acme: factories.Acme, **fields: Any) -> TuningJob:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    values = {
        "organization": acme.organization, "project": acme.assistant, "name": "old", "backend": "openai",
        "base_model": "gpt-4.1-mini-2025-04-14", "method": "supervised", "training_file": stored(acme, chats(12)),
        "status": "succeeded", "provider_job_id": "ftjob-1", "tuned_model": "ft:x", "trained_tokens": 200_000,
        "started_at": at - timedelta(minutes=10), "finished_at": at, "created_by": acme.people["bob"],
        "tags": ["feature=intents", "urgent"],
    } | fields  # fmt: skip
    made = TuningJob.objects.create(**values)
    TuningJob.objects.filter(pk=made.pk).update(created_at=at - timedelta(minutes=30))
    made.refresh_from_db()
    return made


def test_a_job_is_one_line_however_often_it_is_booked(acme: factories.Acme) -> None:
    job = finished(acme)

    assert (jobs.book_training(job), jobs.book_training(job)) == (True, False)
    TuningJob.objects.update(line_id=None)  # as if the ledger had it and the row did not
    job.refresh_from_db()
    assert jobs.book_training(job) is False

    line = LedgerLine.objects.get(kind="training")
    assert (line.cost, line.list_cost, line.currency) == (Decimal(1), Decimal(1), "USD")
    assert (line.started_at, line.duration_ms, line.request_count) == (job.finished_at, 600_000, 0)
    assert (line.user, line.project, line.team) == (acme.people["bob"].pk, acme.assistant.pk, acme.search.pk)
    assert line.tag_set == {"feature": "intents", "urgent": "urgent"}
    job.refresh_from_db()
    assert (job.line_id, job.cost_actual) == (line.id, Decimal(1))


@pytest.mark.slow
def test_the_ledger_its_sums_and_budgets_agree(acme: factories.Acme) -> None:
    jobs.book_training(finished(acme))
    while process_marks().quarter_hours:
        pass

    call_command("verify_ledger", "--organization", acme.organization.slug)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "cost", "source"),
    [
        ({"billed_tokens": 100_000}, "0.5", "reported"), ({"status": "failed"}, "0", "counted"),
        ({"backend": "azure", "billed_tokens": 5_000, "base_model": "gpt-4o-mini-2024-07-18"}, "0.015", "reported"),
        ({"backend": "azure", "trained_tokens": 6_720, "estimate": {"billable_tokens": 5_000}}, "0.025", "estimated"),
        ({"status": "cancelled", "trained_tokens": None, "progress": 0.25, "estimate": {"billable_tokens": 80_000}},
         "0.1", "estimated"),
        ({"backend": "local-head", "base_model": "local-head-hash"}, "0", "counted"),
        ({"status": "failed", "provider_status": "lost"}, None, "counted"),
        ({"base_model": "gpt-9"}, None, "reported"), ({"trained_tokens": None}, None, "estimated"),
    ],
)  # fmt: skip
def test_what_is_billed(acme: factories.Acme, fields: dict[str, Any], cost: str | None, source: str) -> None:
    jobs.book_training(finished(acme, **fields))

    line = LedgerLine.objects.get(kind="training")
    assert line.cost == (None if cost is None else Decimal(cost))
    assert line.usage_source == source
    assert line.price_status == ("unpriced" if cost is None else "free" if cost == "0" else "priced")


@pytest.mark.slow
def test_reinforcement_is_billed_by_its_seconds(acme: factories.Acme) -> None:
    jobs.book_training(finished(acme, method="reinforcement", base_model="o4-mini-2025-04-16"))

    line = LedgerLine.objects.get(kind="training")
    assert line.cost == Decimal("16.67")  # ten minutes at 100 an hour
    assert line.charges[0]["meter"] == "training_hour"


def test_time_without_a_beginning_is_unpriced_and_never_less_than_nothing(acme: factories.Acme) -> None:
    reinforced = {"method": "reinforcement", "base_model": "o4-mini-2025-04-16"}
    late = datetime(2026, 11, 3, 11, tzinfo=UTC)
    jobs.book_training(finished(acme, **reinforced, started_at=None, provider_job_id="ftjob-1"))
    jobs.book_training(finished(acme, **reinforced, started_at=late, provider_job_id="ftjob-2"))

    lines = LedgerLine.objects.filter(kind="training").order_by("id")
    found = {(line.cost, line.price_status) for line in lines}
    assert found == {(None, "unpriced"), (Decimal(0), "free")}


@pytest.mark.parametrize(
    ("first", "began"), [(None, None), (datetime(2026, 11, 3, 9, 40, tzinfo=UTC), "2026-11-03T09:40:00+00:00")]
)
def test_a_job_that_is_over_when_it_is_first_seen(make: Make, first: datetime | None, began: str | None) -> None:
    job = make("openai")
    if first is not None:
        JobPoint.objects.create(job=job, step=1, train_loss=1.0, at=first)
    end = datetime(2026, 11, 3, 10, tzinfo=UTC)

    syncing.take_over(job, Seen("succeeded", "succeeded", job_id="ftjob-1", finished_at=end))

    job.refresh_from_db()
    assert job.finished_at == end
    assert (job.started_at and job.started_at.isoformat()) == began


def hosted(acme: factories.Acme, **fields: Any) -> HostedTime:
    values = {
        "organization": acme.organization, "project": acme.assistant, "name": "intents", "backend": "azure",
        "base_model": "gpt-4o-mini-2024-07-18",
    } | fields  # fmt: skip
    tuned = TunedModel.objects.create(**values)
    return HostedTime.objects.create(tuned=tuned, since=datetime(2026, 11, 1, 18, tzinfo=UTC))


@pytest.mark.slow
def test_hosting_is_a_line_for_each_day_once(acme: factories.Acme) -> None:
    time = hosted(acme)

    assert jobs.book_hosting(date(2026, 11, 4)) == 3
    HostedTime.objects.update(booked_until=date(2026, 11, 2))
    assert (jobs.book_hosting(date(2026, 11, 4)), jobs.book_hosting(date(2026, 11, 5))) == (0, 1)

    lines = list(LedgerLine.objects.filter(kind="hosting").order_by("started_at"))
    assert [line.cost for line in lines] == [Decimal("10.2"), Decimal("40.8"), Decimal("40.8"), Decimal("40.8")]
    assert lines[0].charges[0]["quantity"] == "6.000000"
    assert (lines[0].model_served, lines[0].provider) == ("intents", "azure")

    HostedTime.objects.filter(pk=time.pk).update(until=datetime(2026, 11, 6, 12, tzinfo=UTC))
    assert jobs.book_hosting(date(2026, 11, 20)) == 2
    assert jobs.book_hosting(date(2026, 11, 21)) == 0
    assert sum(line.cost or 0 for line in LedgerLine.objects.filter(kind="hosting")) == Decimal("193.8")


@pytest.mark.slow
def test_hosting_without_a_known_price_is_unpriced(acme: factories.Acme) -> None:
    hosted(acme, backend="together", base_model="acme/model-8b")

    jobs.book_hosting(date(2026, 11, 3))

    assert set(LedgerLine.objects.values_list("cost", "price_status")) == {(None, "unpriced")}


def test_a_deployment_that_is_free_has_lines_that_cost_nothing(acme: factories.Acme) -> None:
    HostedTime.objects.filter(pk=hosted(acme).pk).update(is_free=True)

    jobs.book_hosting(date(2026, 11, 3))

    assert list(LedgerLine.objects.values_list("cost", "price_status")) == [(Decimal(0), "free")] * 2


def test_two_times_of_one_day_are_two_lines_of_their_own_hours(acme: factories.Acme) -> None:
    first = hosted(acme)
    HostedTime.objects.filter(pk=first.pk).update(until=datetime(2026, 11, 1, 20, tzinfo=UTC))
    HostedTime.objects.create(tuned=first.tuned, since=datetime(2026, 11, 1, 23, tzinfo=UTC))

    assert jobs.book_hosting(date(2026, 11, 2)) == 2

    costs = LedgerLine.objects.filter(kind="hosting").values_list("cost", flat=True)
    assert sorted(costs) == [Decimal("1.7"), Decimal("3.4")]  # 1 h and 2 h at 1.70


@pytest.mark.slow
def test_three_schedulers_do_each_job_once(acme: factories.Acme, make: Make, upstream: Any) -> None:
    made = [make("openai", held_out=0) for _ in range(6)]
    database = connection.settings_dict["NAME"]
    urls = {name: urlsplit(os.environ[name])._replace(path=f"/{database}").geturl() for name in URLS}
    environment = {**os.environ, **urls, "GATEWAY_PRIVATE_UPSTREAMS": upstream.url.removeprefix("http://")}
    command = [sys.executable, "-m", "tests.finetuning.jobs.scheduler"]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(3)]

    assert [process.wait(120) for process in running] == [0, 0, 0]

    assert set(TuningJob.objects.values_list("status", flat=True)) == {"succeeded"}
    assert TunedModel.objects.count() == len(made)
    assert LedgerLine.objects.filter(kind="training").count() == len(made)
    starts = [row for row in upstream.records() if row["path"] == "/v1/fine_tuning/jobs" and row["model"]]
    assert len(starts) == len(made)


def test_a_claim_that_died_is_taken_up_again(make: Make) -> None:
    job = make("openai")
    assert syncing._claim(job) is not None

    assert syncing._claim(job) is None
    TuningJob.objects.update(claimed_until=datetime(2026, 1, 1, tzinfo=UTC))

    assert follow(job).status == "succeeded"


def test_eta_needs_three_own_jobs_and_is_then_a_range(acme: factories.Acme) -> None:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    for number, (step_s, tail_s) in enumerate([(1, 600), (2, 700), (3, 1000)]):
        job = finished(acme, name=f"old {number}", provider_job_id=f"j{number}", finished_at=None)
        start = at + timedelta(minutes=5)
        JobPoint.objects.bulk_create(
            JobPoint(job=job, step=step, train_loss=1.0, at=start + timedelta(seconds=step * step_s))
            for step in (1, 101)
        )  # fmt: skip
        end = start + timedelta(seconds=101 * step_s + tail_s)
        TuningJob.objects.filter(pk=job.pk).update(
            started_at=at, finished_at=end, created_at=at - timedelta(seconds=60)
        )
    new = finished(acme, name="new", status="running", provider_job_id="n", finished_at=None,
                   hyperparameters={"used": {"n_epochs": 10, "batch_size": 1}})  # fmt: skip
    TuningJob.objects.filter(pk=new.pk).update(started_at=at)
    new.refresh_from_db()

    told = times.expected(new, at)
    few = times.expected(new, at, past=[])

    # queue 300 s, 120 steps, finishing: 300+120+600, 300+240+700, 300+360+1000 → median 1240, P90 1576
    assert told["p50"] == (at + timedelta(seconds=1240)).isoformat()
    assert told["p90"] == (at + timedelta(seconds=1576)).isoformat()
    assert (few["p50"], few["note"]) == (None, "0 finished jobs of this kind are known; a range needs 3.")

    JobPoint.objects.create(job=new, step=100, train_loss=1.0, at=at + timedelta(seconds=900))
    assert times.expected(new, at)["p50"] == (at + timedelta(seconds=900 + 40 + 700)).isoformat()


@pytest.mark.needs_shared
def test_the_real_trace_of_azure(acme: factories.Acme, shared_dir: Path) -> None:
    """Printed by a real job: billed 5,000 though `trained_tokens` says 6,720; overfits after step 50."""
    folder = shared_dir / "data" / "finetuning"
    trace = json.loads((folder / "jobtrace_azure_gpt4omini_overfit.json").read_text())
    rows = [json.loads(line) for line in (folder / "msft_clippy_train.jsonl").read_text().splitlines() if line]
    job = finished(
        acme, backend="azure", base_model=trace["model"], status="running", finished_at=None, trained_tokens=None,
        training_file=stored(acme, rows), tuned_model="",
    )  # fmt: skip
    at = datetime.fromtimestamp(trace["created_at"], UTC)
    told = [
        Told(f"step-{step}", at + timedelta(seconds=step), "info", f"Step {step}: training loss={train}",
             {"step": step, "train_loss": train, "full_valid_loss": valid, "full_valid_mean_token_accuracy": accuracy})
        for step, train, valid, accuracy in trace["metrics"]
    ]  # fmt: skip
    told.append(
        Told("billed", at + timedelta(hours=1), "info", f"Training tokens billed: {trace['event_tokens_billed']}")
    )
    kept = [Kept(step, f"{trace['model']}.ft-1:ckpt-step-{step}") for step in trace["checkpoints_kept"]]
    seen = Seen(
        "succeeded", "succeeded", job_id="ftjob-1", tuned_model=f"{trace['model']}.ft-1",
        trained_tokens=trace["trained_tokens"], billed_tokens=trace["event_tokens_billed"],
        finished_at=datetime.fromtimestamp(trace["finished_at"], UTC), hyperparameters=trace["hyperparameters"],
    )  # fmt: skip

    for _ in range(2):  # the same is told again
        syncing._apply(job, syncing.Heard(seen, told, kept))
        syncing.book_unbooked(job)

    job.refresh_from_db()
    assert (job.status, job.billed_tokens, job.trained_tokens) == ("succeeded", 5_000, 6_720)
    assert job.cost_actual == Decimal("0.015")
    assert LedgerLine.objects.filter(kind="training").count() == 1
    points = [
        Point(
            row.step, row.train_loss, full_valid_loss=row.full_valid_loss, full_valid_accuracy=row.full_valid_accuracy
        )
        for row in JobPoint.objects.filter(job=job)
    ]
    steps = list(Checkpoint.objects.filter(job=job, dropped_at=None).values_list("step", flat=True))
    found = diagnose(points, Run(n_train=10, batch_size=1, n_epochs=10, kept=steps))
    assert len(points) == 6
    assert found.diagnosis.kind == Kind.OVERFITTING
    assert (found.best_step, found.best_kept_step) == (50, 80)


def test_the_lines_keep_the_rules_of_focus(acme: factories.Acme) -> None:
    jobs.book_training(finished(acme))
    jobs.book_training(
        finished(acme, method="reinforcement", base_model="o4-mini-2025-04-16", provider_job_id="ftjob-2")
    )
    hosted(acme)
    jobs.book_hosting(date(2026, 11, 3))
    asked = Asked("focus", "csv", {"start": "2026-11-01T00:00:00Z", "end": "2026-11-05T00:00:00Z"})
    export = service.request_export(organization=acme.organization, user=acme.people["alice"], asked=asked)
    service.run_waiting()
    export.refresh_from_db()

    content = b"".join(service.open_export(job=export, user=acme.people["alice"])[1]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    report = validate([column.name for column in COLUMNS], rows)

    assert report.violations == []
    assert {(row["SkuMeter"], row["BilledCost"]) for row in rows} == {
        ("Training Tokens", "1.0000000000"), ("Training Duration", "16.67"),
        ("Hosting Duration", "10.2000000000"), ("Hosting Duration", "40.8000000000"),
    }  # fmt: skip
