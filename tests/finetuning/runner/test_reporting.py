"""A machine gets a folder and a token, reports with it, and its result becomes a model; over the API and over HTTP."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from finetuning.backends.runner import RunnerBackend
from finetuning.models import Checkpoint, JobEvent, JobPoint, RunnerLink, TunedModel, TuningJob
from finetuning.runner import client
from finetuning.services.runner import issue_token
from gateway.models import AuditEvent, Model, Provider
from gateway.services import catalog
from tests import factories
from tests.finetuning.runner.conftest import ROWS, runner_job, stored_file
from tests.gateway.api.conftest import Caller

backend = RunnerBackend()


def url(job: TuningJob, what: str) -> str:
    return f"/api/v1/fine-tuning/jobs/{job.pk}/{what}"


def token_of(job: TuningJob, caller: Caller) -> str:
    answer = caller("developer").post(url(job, "runner-token"))
    assert answer.status_code == 201
    return str(answer.json()["token"])


def report(job: TuningJob, token: str, told: Any, **headers: Any) -> Any:
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Client().post(
        url(job, "events"), content, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {token}", **headers
    )


def folder(caller: Caller, job: TuningJob, framework: str) -> dict[str, bytes]:
    answer = caller("developer").get(url(job, "runner-bundle"), {"framework": framework})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# ---- the folder ------------------------------------------------------------------------------------------------------
def test_the_folder_has_all_that_is_needed(caller: Caller, job: TuningJob) -> None:
    files = folder(caller, job, "trl")

    assert sorted(files) == [
        "README.md", "config.yaml", "data/test.jsonl", "data/train.jsonl", "gateway.env", "gateway_runner.py",
        "requirements.txt",
    ]  # fmt: skip
    assert yaml.safe_load(files["config.yaml"])["model_name_or_path"] == "Qwen/Qwen3-8B"
    rows = [json.loads(line) for line in files["data/train.jsonl"].splitlines()]
    assert rows == [{"prompt": row["messages"][:2], "completion": row["messages"][2:]} for row in ROWS]
    assert len(files["data/test.jsonl"].splitlines()) == 1
    assert f"GATEWAY_JOB_ID={job.pk}" in files["gateway.env"].decode()
    assert b"gwrun-" not in b"".join(files.values())  # it has no token in it
    readme = files["README.md"].decode()
    assert "python gateway_runner.py run -- trl sft --config config.yaml" in readme
    assert "the weights of the base model stay as they are" in readme


@pytest.mark.parametrize(
    ("framework", "names"),
    [
        ("axolotl", {"config.yaml"}), ("llama-factory", {"config.yaml", "data/dataset_info.json"}),
        ("unsloth", {"train.py"}),
    ],
)  # fmt: skip
def test_other_frameworks(caller: Caller, job: TuningJob, framework: str, names: set[str]) -> None:
    assert names <= set(folder(caller, job, framework))


def test_what_no_folder_is_made_of(caller: Caller, company: factories.Acme, job: TuningJob) -> None:
    bob = caller("developer")
    unknown = bob.get(url(job, "runner-bundle"), {"framework": "torchtune"})
    other = bob.get(url(runner_job(company.assistant, backend="openai"), "runner-bundle"), {"framework": "trl"})
    bad_rows = stored_file(company.assistant, [{"messages": [{"role": "user", "content": "x"}]}])
    unsuitable = bob.get(
        url(runner_job(company.assistant, training_file=bad_rows), "runner-bundle"), {"framework": "trl"}
    )

    assert (unknown.status_code, unknown.json()["code"]) == (400, "framework_unknown")
    assert (other.status_code, other.json()["code"]) == (409, "not_a_runner_job")
    assert (unsuitable.status_code, unsuitable.json()["code"]) == (400, "record_unsuitable")
    assert "Record 1 of train.jsonl" in unsuitable.json()["detail"]


def test_queries_of_the_folder(caller: Caller, job: TuningJob, django_assert_num_queries: Any) -> None:
    bob = caller("developer")
    with django_assert_num_queries(8):  # session, person, memberships, job, and of both files the part and the end
        bob.get(url(job, "runner-bundle"), {"framework": "trl"})


# ---- the token -------------------------------------------------------------------------------------------------------
def test_a_newer_token_replaces_the_older(caller: Caller, job: TuningJob) -> None:
    first, second = token_of(job, caller), token_of(job, caller)

    assert first != second
    assert report(job, first, {"status": "running"}).status_code == 401
    assert report(job, second, {"status": "running"}).status_code == 200
    link = RunnerLink.objects.get(job=job)
    assert second.startswith(link.prefix)
    assert second.encode() not in bytes(link.digest or b"")
    assert AuditEvent.objects.filter(verb="tuning_job.runner_token").count() == 2


def test_queries_of_a_token(caller: Caller, job: TuningJob, django_assert_num_queries: Any) -> None:
    bob = caller("developer")
    with django_assert_num_queries(10):
        bob.post(url(job, "runner-token"))


def test_a_token_is_of_one_job_alone(caller: Caller, company: factories.Acme, job: TuningJob) -> None:
    token = token_of(job, caller)
    other = runner_job(company.assistant)

    assert report(other, token, {"status": "running"}).status_code == 404
    for path in ("", "me", f"fine-tuning/jobs/{job.pk}/runner-bundle?framework=trl"):
        answer = Client().get(f"/api/v1/{path}", HTTP_AUTHORIZATION=f"Bearer {token}")
        assert answer.status_code in (200, 401)
        assert answer.status_code == 401 or path == ""


def test_no_token_of_a_job_that_is_over(caller: Caller, job: TuningJob) -> None:
    RunnerLink.objects.update(status="failed")

    answer = caller("developer").post(url(job, "runner-token"))

    assert (answer.status_code, answer.json()["code"]) == (409, "job_over")


# ---- reports ---------------------------------------------------------------------------------------------------------
LOG = (
    b'{"current_steps": 1, "total_steps": 2, "loss": 1.5, "lr": 0.0002, "epoch": 0.5}\n'
    b'{"current_steps": 1, "total_steps": 2, "eval_loss": 1.4, "epoch": 0.5}\n'
)


def test_a_report_is_stored_once(caller: Caller, job: TuningJob) -> None:
    token = token_of(job, caller)
    first, again = report(job, token, LOG), report(job, token, LOG)

    assert first.json() == again.json() == {"accepted": 2, "status": "running", "cancel_requested": False}
    (point,) = JobPoint.objects.filter(job=job)
    assert (point.step, point.train_loss, point.full_valid_loss, point.epoch, point.learning_rate) == (
        1, 1.5, 1.4, 0.5, 0.0002,
    )  # fmt: skip
    events = list(JobEvent.objects.filter(job=job).order_by("key"))
    assert [(event.key, event.type) for event in events] == [
        ("runner:step:1:eval", "metrics"), ("runner:step:1:train", "metrics"),
    ]  # fmt: skip
    assert backend.look(job).status == "running"


def test_queries_of_a_report(caller: Caller, job: TuningJob, django_assert_num_queries: Any) -> None:
    token = token_of(job, caller)
    with django_assert_num_queries(9):
        report(job, token, LOG)


def test_checkpoints_and_the_end(caller: Caller, job: TuningJob) -> None:
    token = token_of(job, caller)
    told = {
        "status": "failed", "error": {"message": "CUDA out of memory"}, "trained_tokens": 512,
        "checkpoints": [{"step_number": 2, "fine_tuned_model_checkpoint": "output/checkpoint-2"}],
    }  # fmt: skip
    report(job, token, told)

    seen = backend.look(job)
    assert (seen.status, seen.trained_tokens) == ("failed", 512)
    assert seen.error == {"code": "runner_failed", "message": "CUDA out of memory", "param": ""}
    assert [(one.step, one.provider_id) for one in Checkpoint.objects.filter(job=job)] == [(2, "output/checkpoint-2")]
    assert Checkpoint.objects.get(job=job).model == ""
    report(job, token, {"status": "succeeded"})
    assert backend.look(job).status == "failed"  # what is over stays over


def test_the_machine_learns_that_it_was_cancelled(caller: Caller, job: TuningJob) -> None:
    token = token_of(job, caller)
    report(job, token, {"status": "running"})
    assert backend.cancel(job).status == "cancelled"

    assert report(job, token, LOG).json() == {"accepted": 2, "status": "cancelled", "cancel_requested": True}


def test_a_result_at_an_administrators_provider_is_offered(
    caller: Caller, company: factories.Acme, job: TuningJob
) -> None:
    provider = catalog.create_provider(
        organization=company.organization, actor=None, slug="gpu", name="GPU", kind="vllm",
        base_url="https://93.184.216.34/v1",
    )  # fmt: skip
    token = token_of(job, caller)
    report(job, token, {"status": "succeeded", "fine_tuned_model": "lora", "base_url": "https://93.184.216.34/v1/"})

    name = f"ft:runner:acme::{job.pk.hex[-8:]}"
    model = Model.objects.get(name=name)
    assert (model.provider, model.upstream_name, model.is_enabled) == (provider, "lora", True)
    assert TunedModel.objects.get(job=job).catalog_model == model
    assert (backend.look(job).status, backend.look(job).tuned_model) == ("succeeded", name)


def test_a_new_address_waits_for_an_administrator(caller: Caller, company: factories.Acme, job: TuningJob) -> None:
    token = token_of(job, caller)
    report(job, token, {"status": "succeeded", "fine_tuned_model": "lora", "base_url": "https://93.184.216.35/v1"})

    provider = Provider.objects.get(base_url="https://93.184.216.35/v1")
    assert (provider.organization, provider.is_enabled) == (company.organization, False)
    assert JobEvent.objects.get(job=job, key="gateway:provider").level == "warn"


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "ftp://93.184.216.34/", "http://10.0.0.1/v1"],
    ids=["metadata", "scheme", "private"],
)  # fmt: skip
def test_an_address_that_must_not_be_called_is_not_offered(caller: Caller, job: TuningJob, address: str) -> None:
    before = Provider.objects.count()
    token = token_of(job, caller)
    answer = report(job, token, {"status": "succeeded", "fine_tuned_model": "lora", "base_url": address})

    assert answer.status_code == 200
    assert (Provider.objects.count(), TunedModel.objects.count()) == (before, 0)
    assert "not offered" in JobEvent.objects.get(job=job, key="gateway:address").message


def test_a_vendors_provider_is_no_runners(caller: Caller, company: factories.Acme, job: TuningJob) -> None:
    catalog.create_provider(
        organization=company.organization, actor=None, slug="vendor", name="V", kind="openai",
        base_url="https://93.184.216.36/v1",
    )  # fmt: skip
    token = token_of(job, caller)
    report(job, token, {"status": "succeeded", "fine_tuned_model": "gpt-4o", "base_url": "https://93.184.216.36/v1"})

    assert not TunedModel.objects.exists()
    assert "which no runner serves" in JobEvent.objects.get(job=job, key="gateway:address").message


def test_a_result_that_is_not_served_keeps_its_name(caller: Caller, job: TuningJob) -> None:
    report(job, token_of(job, caller), {"status": "succeeded", "fine_tuned_model": "lora"})

    assert backend.look(job).tuned_model == "lora"
    assert not TunedModel.objects.exists()


@pytest.mark.parametrize(("told", "status"), [(b"{}", 400), (b"x" * (2 * 1024 * 1024 + 1), 413)])
def test_reports_that_are_refused(caller: Caller, job: TuningJob, told: bytes, status: int) -> None:
    assert report(job, token_of(job, caller), told).status_code == status


# ---- the client ------------------------------------------------------------------------------------------------------
TRAINER = """
import json, os, sys
os.makedirs("output/checkpoint-4", exist_ok=True)
for step in (1, 2, 3, 4):
    print({"loss": "%.1f" % (2 - step / 4), "learning_rate": "1e-4", "epoch": str(step / 2)}, flush=True)
    if step == 2:
        print({"eval_loss": 1.75, "epoch": 1.0}, flush=True)
rows = [{"step": step, "loss": 2 - step / 4, "epoch": step / 2} for step in (1, 2, 3, 4)]
open("output/checkpoint-4/trainer_state.json", "w").write(json.dumps({"log_history": rows}))
"""


def run_client(
    live: Any, job: TuningJob, token: str, where: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "GATEWAY_URL": live.url, "GATEWAY_JOB_ID": str(job.pk), "GATEWAY_JOB_TOKEN": token}
    command = [sys.executable, client.__file__, *arguments]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.django_db(transaction=True)
def test_the_client_runs_a_trainer_and_tells(live_server: Any, tmp_path: Path, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    company = factories.acme()
    job = runner_job(company.assistant)
    backend.start(job)
    token = issue_token(job=job, actor=None)
    (tmp_path / "trainer.py").write_text(TRAINER)
    done = run_client(live_server, job, token, tmp_path, "run", "--every", "0.1", "--", sys.executable, "trainer.py")

    assert done.returncode == 0, done.stderr
    points = {point.step: point for point in JobPoint.objects.filter(job=job)}
    assert {step: point.train_loss for step, point in points.items()} == {1: 1.75, 2: 1.5, 3: 1.25, 4: 1.0}
    assert points[2].full_valid_loss == 1.75
    assert (backend.look(job).status, backend.look(job).progress) == ("running", 1.0)
    assert [one.provider_id for one in Checkpoint.objects.filter(job=job)] == [os.path.join("output", "checkpoint-4")]

    ended = run_client(live_server, job, token, tmp_path, "done", "--model", "lora")
    assert ended.returncode == 0, ended.stderr
    assert (backend.look(job).status, backend.look(job).tuned_model) == ("succeeded", "lora")


@pytest.mark.django_db(transaction=True)
def test_the_client_tells_why_a_command_failed_and_stops_one_that_was_cancelled(
    live_server: Any, tmp_path: Path, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    company = factories.acme()
    failing, cancelled = runner_job(company.assistant), runner_job(company.assistant)
    for each in (failing, cancelled):
        backend.start(each)
    failed = run_client(
        live_server, failing, issue_token(job=failing, actor=None), tmp_path, "run", "--",
        sys.executable, "-c", "raise SystemExit('out of memory')",
    )  # fmt: skip
    backend.cancel(cancelled)
    stopped = run_client(
        live_server, cancelled, issue_token_of_cancelled(cancelled), tmp_path, "run", "--every", "0.1", "--",
        sys.executable, "-c", "import time; time.sleep(50)",
    )  # fmt: skip

    assert failed.returncode == 1
    assert "out of memory" in (backend.look(failing).error or {})["message"]
    assert stopped.returncode == 128 + 15
    assert backend.look(cancelled).status == "cancelled"


def issue_token_of_cancelled(job: TuningJob) -> str:
    """A token from before the job was cancelled."""
    RunnerLink.objects.filter(job=job).update(status="running")
    token = issue_token(job=job, actor=None)
    RunnerLink.objects.filter(job=job).update(status="cancelled")
    return token


@pytest.mark.django_db(transaction=True)
def test_the_client_is_told_when_its_token_is_no_good(live_server: Any, tmp_path: Path, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    job = runner_job(factories.acme().assistant)
    done = run_client(live_server, job, "gwrun-unknown", tmp_path, "done", "--model", "lora")

    assert done.returncode == 1
    assert "token_invalid" in done.stderr
