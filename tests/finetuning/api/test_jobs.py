"""Jobs over HTTP: made, read, steered, searched; what others see of them; counts of queries."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from finetuning.backends import Kept, Told
from finetuning.insights import Point
from finetuning.models import JobEvent, TuningJob
from finetuning.services import jobs
from finetuning.services.jobs.telling import record_events
from tests import factories
from tests.finetuning.api.test_files import ROWS

API = "/api/v1/fine-tuning/jobs"
pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def asked(company: factories.Acme, upload: Any) -> dict[str, Any]:
    return {
        "project": str(company.assistant.pk), "backend": "openai", "provider": str(company.provider.pk),
        "base_model": "gpt-4.1-mini-2025-04-14", "training_file": str(upload(*ROWS).pk), "name": "Intents",
    }  # fmt: skip


def test_a_job_is_made_read_and_cancelled(caller, company, asked, fits) -> None:
    wished = {
        "hyperparameters": {"n_epochs": 4, "batch_size": "auto"}, "budget_limit": "5", "tags": ["feature=intents"],
        "metadata": [{"name": "ticket", "value": "ML-17"}], "suffix": "intents", "seed": 3,
        "notification": {"emails": ["bob@acme.example"]},
    }  # fmt: skip
    made = caller("developer").post(API, asked | wished, format="json")

    body = fits(made)
    assert made.status_code == 201
    assert made["Location"].endswith(f"{API}/{body['id']}")
    assert (body["status"], body["progress"], body["tuned_model"]) == ("validating_files", 0.0, "")
    assert (body["metadata"], body["tags"], body["webhook_secret"]) == (wished["metadata"], ["feature=intents"], "")
    assert body["created_by"] == str(company.people["bob"].pk)
    tokens = body["estimate"]["tokens_per_epoch"]
    assert Decimal(body["cost_estimate"]) == 4 * tokens * Decimal("5e-6")
    read = fits(caller("analyst").get(f"{API}/{body['id']}"))
    assert read == {name: value for name, value in body.items() if name != "webhook_secret"} | {
        "updated_at": read["updated_at"]
    }

    over = fits(caller("developer").post(f"{API}/{body['id']}/cancel"))

    assert (over["status"], over["cost_actual"]) == ("cancelled", "0.0000000000")
    assert caller("developer").delete(f"{API}/{body['id']}").status_code == 204
    assert not TuningJob.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("developer", 403), ("manager", 403), ("admin", 201)])
def test_a_route_is_given_by_administrators_alone(caller, company, asked, role: str, status: int) -> None:
    """As `POST models/{id}/deploy` is."""
    wished = {"auto_deploy": {"route": company.route.alias, "share": 0.2}}

    answer = caller(role).post(API, asked | wished, format="json")

    assert answer.status_code == status
    if status == 403:
        assert (answer.json()["code"], answer.json()["errors"][0]["field"]) == ("role_required", "auto_deploy")
        assert "Only administrators put tuned models on routes" in answer.json()["detail"]
    assert TuningJob.objects.count() == (status == 201)


def test_a_route_that_is_not_there_is_refused_before_anything_is_trained(caller, company, asked) -> None:
    for wish, field in (
        ({"route": "ft:local-head:bogus:x:1"}, "auto_deploy.route"),
        ({"route": company.route.alias, "fallback": "dicl:nope"}, "auto_deploy.fallback"),
    ):  # fmt: skip
        body = {**asked, "backend": "local-head", "provider": None, "base_model": "local-head-hash"}

        answer = caller("admin").post(API, {**body, "auto_deploy": wish}, format="json")

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"base_model": "gpt-3.5-turbo"}, 400, "base_model"), ({"budget_limit": "0.0000001"}, 400, "budget_limit"),
        ({"method": "dpo"}, 400, "training_file"), ({"epochs": 3}, 400, "epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, 400, "hyperparameters.n_epochs"),
        ({"training_file": "0192f0c4-0000-7000-8000-000000000000"}, 400, "training_file"),
        ({"notification": {"emails": ["stranger@example.com"]}}, 400, "notification"),
        ({"backend": "local-head", "provider": None, "base_model": "local-head-bogus"}, 400, "base_model"),
        ({"backend": "dicl", "provider": None, "base_model": "nope"}, 400, "base_model"),
        ({"backend": "local-head", "provider": None, "base_model": "local-head-hash",
          "hyperparameters": {"fallback": "ft:local-head:bogus:x:1"}}, 400, "hyperparameters.fallback"),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field(caller, asked, changes: dict[str, Any], status: int, field: str) -> None:
    answer = caller("developer").post(API, asked | changes, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


def test_only_administrators_have_a_job_put_its_model_on_a_route(caller, company, asked, fits) -> None:
    wish = {"auto_deploy": {"route": company.route.alias, "share": 1.0}}

    for role in ("developer", "manager"):
        refused = caller(role).post(API, asked | wish, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "role_required")
        assert refused.json()["errors"][0]["field"] == "auto_deploy"
    assert not TuningJob.objects.exists()
    made = fits(caller("admin").post(API, asked | wish, format="json"))

    assert made["auto_deploy"]["route"] == company.route.alias


@pytest.mark.parametrize(
    ("hyperparameters", "field"),
    [
        ('{"learning_rate_multiplier": 1e400}', "hyperparameters"), ('{"grader": "{\\"type\\": [1]}"}', "grader"),
        ('{"grader": "{\\"type\\": \\"python\\", \\"name\\": \\"a\\", \\"source\\": 1e400}"}', "hyperparameters"),
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_refused(caller, asked, hyperparameters: str, field: str) -> None:
    body = json.dumps(asked)[:-1] + f', "hyperparameters": {hyperparameters}}}'

    answer = caller("developer").post(API, body, content_type="application/json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_budget_without_room_is_a_402(caller, company, asked) -> None:
    from costs.services.budgets import create_budget

    create_budget(organization=company.organization, actor=None, name="All", scope="organization",
                  amount=Decimal("0.000001"))  # fmt: skip

    answer = caller("developer").post(API, asked, format="json")

    assert (answer.status_code, answer.json()["code"]) == (402, "budget_exceeded")


@pytest.fixture
def job(caller, asked) -> TuningJob:
    row = TuningJob.objects.get(pk=caller("developer").post(API, asked, format="json").json()["id"])
    record_events(row, [
        Told("a", AT, "info", "Created"),
        Told("b", AT, "info", "Step 1/2", {"step": 1, "train_loss": 2.5, "full_valid_loss": float("nan")}),
        Told("c", AT, "warning", "Odd", {"why": "nothing"}),
    ])  # fmt: skip
    jobs.record_points(row, [Point(2, 1.5, valid_loss=1.75)])
    jobs.record_checkpoints(row, [Kept(1, "ft:x:ckpt-step-1", metrics={"train_loss": 2.5}), Kept(2, "ft:x")])
    jobs.record_checkpoints(row, [Kept(2, "ft:x")])
    return row


def test_events_points_and_checkpoints(caller, job: TuningJob, fits) -> None:
    events = caller("developer").get(f"{API}/{job.pk}/events").json()["results"]
    metrics = fits(caller("developer").get(f"{API}/{job.pk}/metrics"))
    later = fits(caller("developer").get(f"{API}/{job.pk}/metrics", {"after_step": 1}))
    kept = caller("developer").get(f"{API}/{job.pk}/checkpoints").json()["results"]

    assert [(one["message"], one["level"], one["type"]) for one in events] == [
        ("Odd", "warn", "message"), ("Step 1/2", "info", "metrics"), ("Created", "info", "message")
    ]  # fmt: skip
    assert (events[1]["point"]["step"], events[1]["point"]["train_loss"], events[0]["point"]) == (1, 2.5, None)
    assert [(point["step"], point["train_loss"], point["valid_loss"]) for point in metrics["points"]] == [
        (1, 2.5, None), (2, 1.5, 1.75)
    ]  # fmt: skip
    assert [point["is_diverged"] for point in metrics["points"]] == [True, False]  # its loss is no number
    assert (metrics["last_step"], [point["step"] for point in later["points"]]) == (2, [2])
    assert [(one["step"], one["dropped_at"] is None) for one in kept] == [(2, True), (1, False)]
    assert JobEvent.objects.filter(job=job).count() == 3


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ({}, 1), ({"status": ["validating_files", "queued"]}, 1), ({"status": ["failed"]}, 0), ({"text": "INTENT"}, 1),
        ({"text": "nothing"}, 0), ({"backend": ["azure"]}, 0), ({"tags": ["x"]}, 0), ({"cost_from": "100"}, 0),
        ({"cost_to": "100"}, 1), ({"metadata": [{"name": "a", "value": "b"}]}, 0),
        ({"created_from": "2020-01-01T00:00:00Z", "created_to": "2020-01-02T00:00:00Z"}, 0),
    ],
)  # fmt: skip
def test_search(caller, job: TuningJob, conditions: dict[str, Any], count: int) -> None:
    assert caller("developer").post(f"{API}/search", conditions, format="json").json()["count"] == count


def test_others_do_not_know_of_it(caller, job: TuningJob) -> None:
    mallory = caller("mallory")

    assert mallory.get(API).json()["count"] == 0
    assert mallory.post(f"{API}/search", {}, format="json").json()["count"] == 0
    for path in ("", "/events", "/checkpoints", "/metrics"):
        assert mallory.get(f"{API}/{job.pk}{path}").status_code == 404
    for verb in ("cancel", "pause", "resume", "sync"):
        assert mallory.post(f"{API}/{job.pk}/{verb}").status_code == 404
    assert mallory.delete(f"{API}/{job.pk}").status_code == 404
    job.refresh_from_db()
    assert job.cancel_requested_at is None


@pytest.mark.parametrize("path", ["", "/{job}/events", "/{job}/checkpoints", "/{job}/metrics"])
def test_a_list_costs_the_same_however_long_it_is(caller, asked, job: TuningJob, path: str) -> None:
    developer = caller("developer")
    url = f"{API}{path.format(job=job.pk)}"

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert developer.get(url).status_code == 200
        return len(found)

    few = queries()
    for _ in range(3):
        caller("developer").post(API, asked, format="json")
    record_events(job, [Told(f"more {n}", AT, "info", "More", {"step": n, "train_loss": 1.0}) for n in range(3, 9)])
    jobs.record_checkpoints(job, [Kept(step, f"ft:x:{step}") for step in range(9)])

    assert queries() == few
    assert few <= 8
