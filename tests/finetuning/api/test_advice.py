"""Estimates, templates, advice, sums and last days over the API."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from finetuning.models import Canary, JobEvent, TuningFile, TuningJob
from finetuning.scenarios import sample_of
from finetuning.services.files import create_file
from tests.analytics.api.conftest import URL, Fits, book
from tests.factories import Acme, ProviderFactory, line
from tests.finetuning.answers.conftest import Make
from tests.finetuning.places import tuned_model_of
from tests.gateway.api.conftest import Caller

pytestmark = pytest.mark.django_db
LINES = b"\n".join(orjson.dumps(row) for row in sample_of("classification"))
MINI = {"backend": "openai", "model": "gpt-4.1-mini-2025-04-14"}


def estimate(caller: Caller, body: dict[str, Any], status: int = 200, role: str = "developer") -> Any:
    response = caller(role).post(f"{URL}/fine-tuning/estimate-cost", body, format="json")
    assert response.status_code == status, response.content
    return response.json()


@pytest.fixture
def file(company: Acme) -> TuningFile:
    return create_file(
        project=company.assistant, name="train.jsonl", purpose="fine-tune", content=[LINES], created_by=None, actor=None
    )


def test_lines_are_estimated_before_any_upload(caller: Caller, fits: Fits, time_machine: Any) -> None:
    time_machine.move_to("2026-11-29T09:00:00Z", tick=False)
    body = {"content": LINES.decode(), "candidates": [MINI, {"backend": "local-head", "model": "local-head-hash"}]}

    local, mini = estimate(caller, body)["estimates"]

    assert (local["backend"], Decimal(local["training"]), Decimal(local["inference_per_1k"])) == ("local-head", 0, 0)
    assert (mini["examples"], mini["epochs"], mini["epochs_by"], mini["tokens_exact"]) == (10, 10, "rule", True)
    assert mini["billable_tokens"] == 10 * mini["tokens_per_epoch"]
    assert Decimal(mini["training"]) == Decimal(mini["billable_tokens"]) * 5 / 1_000_000
    assert mini["price"]["source"] == "https://developers.openai.com/api/docs/pricing"
    assert mini["blocked_by"] == []


def test_a_file_is_estimated_as_its_lines_are(caller: Caller, file: TuningFile) -> None:
    by_file = estimate(caller, {"file": str(file.pk), "candidates": [MINI]})["estimates"]
    by_lines = estimate(caller, {"content": LINES.decode(), "candidates": [MINI]})["estimates"]

    assert by_file == by_lines


def test_lines_that_are_no_examples_are_counted_apart(caller: Caller) -> None:
    (mini,) = estimate(caller, {"content": f"{LINES.decode()}\n[1]\n{{\n\n", "candidates": [MINI]})["estimates"]

    assert (mini["examples"], mini["unread_lines"], mini["tokens_error"]) == (10, 2, 0.0)


def test_what_it_is_held_against_decides_the_break_even(caller: Caller) -> None:
    today = {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 1000, "requests_per_month": 100_000}

    (mini,) = estimate(caller, {"content": LINES.decode(), "candidates": [MINI], "today": today})["estimates"]

    assert Decimal(mini["base_per_1k"]) > Decimal(mini["inference_per_1k"])
    assert mini["break_even"]["requests"] > 0
    assert mini["break_even"]["note"] == ""


def test_without_candidates_the_usual_ones_are_compared(caller: Caller) -> None:
    found = estimate(caller, {"content": LINES.decode()})["estimates"]

    assert {one["backend"] for one in found} >= {"local-head", "azure", "together", "fireworks", "vertex"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "file"),
        ({"content": "no json"}, "file"),
        ({"content": "{}", "candidates": [{"backend": "aws", "model": "x"}]}, "candidates.0.backend"),
        ({"content": "{}", "candidates": [{"backend": "dicl", "model": "x", "shots": 0}]}, "candidates.0.shots"),
    ],
)
def test_bad_questions_are_refused(caller: Caller, body: dict[str, Any], field: str) -> None:
    assert [one["field"] for one in estimate(caller, body, 400)["errors"]] == [field]


def test_files_of_others_do_not_exist(caller: Caller, company: Acme, file: TuningFile) -> None:
    TuningFile.objects.filter(pk=file.pk).update(project=company.banner)

    assert estimate(caller, {"file": str(file.pk)}, 400)["errors"][0]["field"] == "file"
    assert estimate(caller, {"file": str(file.pk)}, 400, "mallory")["errors"][0]["field"] == "file"


def test_templates(caller: Caller, make_job: Make) -> None:
    make_job(template="tone")
    make_job(template="tone", status="failed")

    everything = caller("developer").get(f"{URL}/fine-tuning/templates").json()["templates"]
    (tone,) = caller("developer").get(f"{URL}/fine-tuning/templates?use_case=tone").json()["templates"]
    vertex = caller("developer").get(f"{URL}/fine-tuning/templates?provider=vertex").json()["templates"]

    assert len(everything) == 9
    assert (tone["usage_count"], tone["success_rate"], len(tone["sample"])) == (2, 0.5, 10)
    assert Decimal(tone["cost_range"]["lower"]) > 0
    assert [one["id"] for one in vertex] == ["summarisation", "migration"]
    assert everything[0]["cost_range"]["lower"] == "0.0000000000"


def test_sums_and_advice_have_the_documents_shape(caller: Caller, company: Acme, fits: Fits, make_job: Make) -> None:
    make_job()
    book(line(company, model_served="ft:gpt-4o-mini-2024-07-18:acme:x:1"))

    for path in ("analytics", "cost-breakdown", "recommendations", "sunsets", "templates"):
        response = caller("analyst").get(f"{URL}/fine-tuning/{path}")
        assert response.status_code == 200
        fits(response)
    response = caller("analyst").get(
        f"{URL}/fine-tuning/cost-breakdown?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z"
    )
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "empty_window"


@pytest.mark.parametrize("path", ["analytics", "cost-breakdown"])
@pytest.mark.parametrize(
    "window", ["end=0001-01-01T00:00:00Z", "start=0001-01-01T00:00:00%2B14:00", "end=9999-12-31T23:59:59Z"]
)
def test_a_time_that_nothing_can_be_reckoned_from_is_refused(caller: Caller, path: str, window: str) -> None:
    response = caller("analyst").get(f"{URL}/fine-tuning/{path}?{window}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "out_of_range"


def test_models_that_nobody_ever_had_are_not_compared(caller: Caller, company: Acme, make_tuned: Make) -> None:
    make_tuned("ft:of-others", organization=company.globex, project=company.globex_project)
    make_tuned("ft:never-called")
    for path, field in (
        ("compare/nope/ft:x", "base_model_id"), ("compare/gpt-4o/ft:local-head:bogus:x:1", "fine_tuned_model_id"),
        ("compare/gpt-4o/ft:of-others", "fine_tuned_model_id"),
    ):  # fmt: skip
        answer = caller("analyst").get(f"{URL}/fine-tuning/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")
        assert answer.json()["errors"][0]["field"] == field

    assert caller("analyst").get(f"{URL}/fine-tuning/compare/gpt-4o/ft:never-called").status_code == 200


def test_a_model_name_with_a_nul_is_nowhere(caller: Caller) -> None:
    assert caller("analyst").get(f"{URL}/fine-tuning/compare/a%00/b").status_code == 404


def test_a_job_from_a_template(caller: Caller, company: Acme, file: TuningFile) -> None:
    body = {"project": str(company.assistant.pk), "training_file": str(file.pk), "suffix": "tickets"}

    response = caller("developer").post(f"{URL}/fine-tuning/templates/classification/create-job", body, format="json")

    assert response.status_code == 201, response.content
    job = TuningJob.objects.get(pk=response.json()["id"])
    assert (job.backend, job.base_model, job.template) == ("local-head", "local-head-hash", "classification")
    assert job.name == "Intent or ticket classification"
    refused = caller("developer").post(
        f"{URL}/fine-tuning/templates/classification/create-job", {**body, "backend": "vertex"}, format="json"
    )
    assert [one["field"] for one in refused.json()["errors"]] == ["backend"]
    bank = caller("developer").post(
        f"{URL}/fine-tuning/templates/classification/create-job", {**body, "backend": "dicl"}, format="json"
    )
    assert [one["field"] for one in bank.json()["errors"]] == ["base_model"]
    missing = caller("developer").post(f"{URL}/fine-tuning/templates/poetry/create-job", body, format="json")
    assert missing.status_code == 404


@pytest.mark.parametrize(("role", "status"), [("developer", 403), ("manager", 403), ("admin", 201)])
def test_a_route_is_given_by_administrators_alone(
    caller: Caller, company: Acme, file: TuningFile, role: str, status: int
) -> None:  # fmt: skip
    """As `deploy` is."""
    body = {
        "project": str(company.assistant.pk), "training_file": str(file.pk),
        "auto_deploy": {"route": company.route.alias, "share": 0.2},
    }  # fmt: skip

    response = caller(role).post(f"{URL}/fine-tuning/templates/classification/create-job", body, format="json")

    assert response.status_code == status, response.content
    assert TuningJob.objects.count() == (status == 201)


def test_a_graded_job_from_a_template(caller: Caller, company: Acme) -> None:
    file = create_file(
        project=company.assistant, name="problems.jsonl", purpose="fine-tune", created_by=None, actor=None,
        content=[b"\n".join(orjson.dumps(line) for line in sample_of("graded-reasoning"))],
    )  # fmt: skip
    azure = ProviderFactory(organization=company.organization, slug="azure", kind="azure")
    body = {"project": str(company.assistant.pk), "training_file": str(file.pk), "backend": "azure",
            "provider": str(azure.pk)}  # fmt: skip
    path = f"{URL}/fine-tuning/templates/graded-reasoning/create-job"
    grader = {"type": "string_check", "name": "sum", "input": "{{sample.output_text}}", "operation": "eq",
              "reference": "{{item.answer}}"}  # fmt: skip

    without = caller("developer").post(path, body, format="json")
    elsewhere = caller("developer").post(
        path, {**body, "backend": "fireworks", "base_model": "accounts/fireworks/models/qwen3-8b"}, format="json"
    )
    made = caller("developer").post(path, {**body, "grader": json.dumps(grader)}, format="json")

    assert [one["code"] for one in without.json()["errors"]] == ["grader_missing"]
    assert [(one["code"], one["field"]) for one in elsewhere.json()["errors"]] == [("no_candidate", "backend")]
    assert made.status_code == 201, made.content
    job = TuningJob.objects.get()
    assert (job.backend, job.method, job.hyperparameters["grader"]) == ("azure", "reinforcement", grader)


GRADER = {"type": "score_model", "name": "judge", "model": "o3-mini", "input": [{"role": "user", "content": "Grade"}]}


def test_graders_are_estimated_as_a_job_does(caller: Caller, company: Acme, make_job: Make, fits: Fits) -> None:
    """By the tokens an example of own jobs with the same graders."""
    lines = b"\n".join(orjson.dumps(row) for row in sample_of("graded-reasoning")).decode()
    wish = {"backend": "azure", "model": "o4-mini-2025-04-16", "method": "reinforcement", "grader": json.dumps(GRADER)}

    (before,) = fits(
        caller("developer").post(
            f"{URL}/fine-tuning/estimate-cost", {"content": lines, "candidates": [wish]}, format="json"
        )
    )["estimates"]
    job = make_job(method="reinforcement", base_model="o4-mini-2025-04-16", hyperparameters={"grader": GRADER})
    usage = {"train_prompt_tokens": 1_000_000, "train_completion_tokens": 100_000}
    JobEvent.objects.create(
        job=job, key="step-1", at=job.created_at, level="info", type="metrics", message="Step 1",
        data={"step": 1, "model_graders_token_usage": {"o3-mini": usage}},
    )  # fmt: skip
    (after,) = estimate(caller, {"content": lines, "candidates": [wish]})["estimates"]

    assert (before["grader"]["models"], before["grader"]["cost"], before["grader"]["jobs"]) == (["o3-mini"], None, 0)
    # ten examples as before: 1 M × 1.10 + 0.1 M × 4.40
    assert (Decimal(after["grader"]["cost"]), after["grader"]["jobs"]) == (Decimal("1.54"), 1)
    assert after["training"] is None
    bad = estimate(caller, {"content": lines, "candidates": [{**wish, "grader": '{"type": "x"}'}]}, 400)
    assert [one["field"] for one in bad["errors"]] == ["candidates.0.grader"]
    (plain,) = estimate(caller, {"content": LINES.decode(), "candidates": [MINI]})["estimates"]
    assert plain["grader"] is None


@pytest.mark.parametrize(
    ("backend", "per_month", "requests", "note"),
    [
        ("openai", Decimal(0), 1_000, ""),
        ("azure", Decimal(1241), None, "Hosting costs more than it saves below 620,500 requests a month."),
        ("runner", None, None, "What your own machines cost an hour is not known here."),
    ],
)
def test_break_even_pays_for_hosting(
    caller: Caller, company: Acme, make_job: Make, make_tuned: Make, fits: Fits, backend: str,
    per_month: Decimal | None, requests: int | None, note: str,
) -> None:  # fmt: skip
    """A request costs 0.0035 before and 0.0015 after; training was 2.00."""
    job = make_job(backend=backend, cost_actual=Decimal(2))
    make_tuned("ft:x", backend=backend, base_model="gpt-4.1-mini-2025-04-14", job=job)
    cheap: dict[str, Any] = {
        "model_served": "ft:x", "cost": Decimal("0.0015"), "list_cost": Decimal("0.0015"),
        "charges": [{"meter": "input_tokens", "rate_id": "book:in", "quantity": "1000", "unit_price": "0.0000015",
                     "cost": "0.0015", "currency": "USD"}],
    }  # fmt: skip
    book(line(company), line(company), line(company, **cheap), line(company, **cheap))

    found = fits(caller("developer").get(f"{URL}/fine-tuning/compare/gpt-4o/ft:x"))

    hosting = found["hosting"]["per_month"]
    assert (None if hosting is None else Decimal(hosting)) == per_month
    assert Decimal(found["break_even"]["saved_per_request"]) == Decimal("0.002")
    assert (found["break_even"]["requests"], found["break_even"]["note"]) == (requests, note)


def test_what_is_watched_on_a_route_is_answered(caller: Caller, company: Acme, fits: Fits) -> None:
    tuned = tuned_model_of(company)
    path, route = f"{URL}/fine-tuning/models/{tuned.pk}", company.route.alias

    made = fits(caller("admin").post(f"{path}/deploy", {"route": route, "share": 10}, format="json"))
    Canary.objects.update(looks=3, decision="go_on", why="No harm is shown.", measures=[
        {"name": "errors", "tuned": 40, "tuned_mean": 0.025, "others": 400, "others_mean": 0.01, "difference": 0.015,
         "interval": {"lower": -0.05, "upper": 0.2}},
    ])  # fmt: skip
    read = fits(caller("analyst").get(path))
    off = fits(
        caller("admin").post(f"{path}/deploy", {"route": route, "share": 10, "canary_guard": "off"}, format="json")
    )

    (watch,) = made["canaries"]
    assert (watch["route"], watch["share"], watch["guard"], watch["state"]) == (route, 10, "rollback", "watching")
    (watch,) = read["canaries"]
    assert (watch["looks"], watch["decision"], watch["why"]) == (3, "go_on", "No harm is shown.")
    assert watch["measures"][0]["interval"] == {"lower": -0.05, "upper": 0.2}
    assert [(one["state"], one["why"]) for one in off["canaries"]] == [("ended", "It was switched off.")]
    wrong = caller("admin").post(f"{path}/deploy", {"route": route, "canary_guard": "maybe"}, format="json")
    assert [one["field"] for one in wrong.json()["errors"]] == ["canary_guard"]


def test_the_list_of_models_costs_the_same_for_many_watches(caller: Caller, company: Acme) -> None:
    tuned = tuned_model_of(company)
    counts = []
    for number in (1, 5):
        for name in range(number):
            Canary.objects.create(tuned=tuned, route=f"r{number}-{name}", share=10)
        with CaptureQueriesContext(connection) as queries:
            assert caller("analyst").get(f"{URL}/fine-tuning/models").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
