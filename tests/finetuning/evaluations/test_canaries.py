"""Canaries: what the ledger says of them, decided and told once, by whoever looks; and what people change."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from finetuning.canary.deciding import MARGINS
from finetuning.models import Canary, Hosting, JobEvent, TunedModel
from finetuning.services import hosting
from finetuning.services.canarylooks import look, look_due
from finetuning.services.deploying import deploy, withdraw
from gateway.models import AuditEvent, Model, OutboxMessage, QualityScore, Route
from gateway.services import outbox
from gateway.services.errors import Invalid
from tests.factories import Acme, book_lines, line
from tests.finetuning.answers.conftest import Make

ROOT = Path(__file__).resolve().parents[3]
URLS = ("DATABASE_URL", "DATABASE_DIRECT_URL")
pytestmark = pytest.mark.django_db
MAIL = "bob@acme.example"


@pytest.fixture
def tuned(company: Acme, make_tuned: Make, make_job: Make) -> TunedModel:
    model = Model.objects.create(
        organization=company.organization, provider=company.provider, name="ft:x", upstream_name="ft:x"
    )
    return make_tuned("ft:x", catalog_model=model, job=make_job(notification={"emails": [MAIL]}))


@pytest.fixture
def alias(company: Acme) -> str:
    return company.route.alias


def calls(company: Acme, model: str, statuses: Sequence[str], *, attempt: int = 1) -> list[dict[str, Any]]:
    """Calls of the route that `model` answered, one a second from 40 minutes ago on."""
    first = timezone.now() - timedelta(minutes=40)
    return book_lines(
        *(
            line(company, at=first + timedelta(seconds=number), route=company.route.alias, model_served=model,
                 status=status, is_final=status == "ok", route_decision={"attempt": attempt, "why": "first"})
            for number, status in enumerate(statuses)
        )
    )  # fmt: skip


def watched(tuned: TunedModel, alias: str, **wish: Any) -> Canary:
    """On a tenth of the route for an hour."""
    deploy(tuned=tuned, alias=alias, share=wish.pop("share", 10), actor=None, **wish)
    Canary.objects.update(since=timezone.now() - timedelta(hours=1))
    return Canary.objects.get()


def score(company: Acme, lines: Sequence[dict[str, Any]], value: str) -> None:
    for one in lines:
        QualityScore.objects.create(
            organization=company.organization.pk, project=one["project"], request_id=one["request_id"], name="quality",
            source="grader", score=Decimal(value), line=one["id"], provider=one["provider"], model=one["model_served"],
            line_started_at=datetime.fromtimestamp((one["id"].int >> 80) / 1000, timezone.now().tzinfo),
        )  # fmt: skip


def on_route(alias: str) -> list[str]:
    return sorted(Route.objects.get(alias=alias).targets.values_list("model__name", flat=True))


def test_what_fails_is_taken_off_once_and_told(company: Acme, tuned: TunedModel, alias: str) -> None:
    before = on_route(alias)
    row = watched(tuned, alias)
    assert (row.share, row.guard, row.state, row.looks) == (10, "rollback", "watching", 0)
    calls(company, "ft:x", ["upstream_error"] * 30 + ["timeout"] * 10)
    calls(company, company.model.name, ["ok"] * 200)

    assert (look_due(), look_due()) == (1, 0)

    row.refresh_from_db()
    assert (row.state, row.decision, row.looks, row.due_at) == ("rolled_back", "roll_back", 1, None)
    assert row.why.startswith("It fails more often: 100.0% of 40 calls against 0.0% of 200, a difference of +")
    assert (row.measures[0]["tuned"], row.measures[0]["others"], row.measures[0]["difference"]) == (40, 200, 1.0)
    assert row.ended_at is not None
    assert on_route(alias) == before
    verbs = list(AuditEvent.objects.filter(verb__startswith="canary").order_by("id").values_list("verb", flat=True))
    assert verbs == ["canary.watch", "canary.rolled_back"]
    told = AuditEvent.objects.get(verb="canary.rolled_back")
    assert told.after["why"] == row.why
    assert told.after["route"] == alias
    event = JobEvent.objects.get(job=tuned.job, key=f"gateway:canary:{row.pk}")
    assert (event.level, event.message) == ("warn", f"It was taken off the route {alias}. {row.why}")
    mail = OutboxMessage.objects.get(dedupe_key=f"tuning.{tuned.job_id}.canary.{row.pk.hex[-12:]}.{MAIL}")
    words = outbox._opened(mail)
    assert words["subject"] == f"[Fine-tuning] Tickets: It was taken off the route {alias}."
    assert f"\nWhy: {row.why}\n" in words["text"]


def test_too_few_calls_and_calls_of_others_decide_nothing(company: Acme, tuned: TunedModel, alias: str) -> None:
    """Second tries, other routes, calls from before, calls that the caller left, calls that may still run."""
    row = watched(tuned, alias)
    calls(company, "ft:x", ["upstream_error"] * 29)
    calls(company, "ft:x", ["upstream_error"] * 40, attempt=2)
    calls(company, "ft:x", ["cancelled"] * 40)
    calls(company, company.model.name, ["ok"] * 100)
    early, young = timezone.now() - timedelta(hours=2), timezone.now() - timedelta(seconds=5)
    for at, route in ((early, alias), (young, alias), (timezone.now() - timedelta(minutes=9), "elsewhere")):
        book_lines(
            *(line(company, at=at + timedelta(milliseconds=number), route=route, model_served="ft:x",
                   status="upstream_error", route_decision={"attempt": 1, "why": "first"}) for number in range(20))
        )  # fmt: skip

    assert look_due() == 1

    row.refresh_from_db()
    assert (row.state, row.decision, row.looks) == ("watching", "go_on", 1)
    assert row.why == "Too early: 29 of its calls and 100 of others' have ended, 30 of each are needed."
    assert row.due_at is not None
    assert row.due_at > timezone.now() + timedelta(seconds=90)  # a thirtieth of an hour
    assert "ft:x" in on_route(alias)


def test_lower_scores_take_it_off(company: Acme, tuned: TunedModel, alias: str) -> None:
    row = watched(tuned, alias)
    score(company, calls(company, "ft:x", ["ok"] * 120), "0.1")
    score(company, calls(company, company.model.name, ["ok"] * 300), "0.9")

    look_due()

    row.refresh_from_db()
    assert (row.state, row.why.split(":")[0]) == ("rolled_back", "Its answers score lower")
    assert (row.measures[1]["tuned_mean"], row.measures[1]["others_mean"]) == pytest.approx((0.1, 0.9))


def test_what_is_good_gets_all_calls_only_where_that_was_asked_for(
    company: Acme, tuned: TunedModel, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MARGINS, "errors", 0.1)
    monkeypatch.setitem(MARGINS, "score", 0.2)
    row = watched(tuned, alias)
    score(company, calls(company, "ft:x", ["ok"] * 300), "0.9")
    score(company, calls(company, company.model.name, ["ok"] * 300), "0.9")
    look_due()
    row.refresh_from_db()
    assert (row.state, row.decision) == ("watching", "go_on")
    assert row.why.startswith("No harm is shown: 0.0% of 300 calls against 0.0% of 300")

    deploy(tuned=tuned, alias=alias, share=10, actor=None, canary_guard="promote")
    look_due()

    row.refresh_from_db()
    assert (row.state, row.decision, row.looks) == ("promoted", "promote", 2)
    first = Route.objects.get(alias=alias).targets.order_by("priority").first()
    assert first is not None
    assert (first.model.name, Route.objects.get(alias=alias).targets.filter(priority=0).count()) == ("ft:x", 1)


def test_people_switch_it_off_move_it_and_withdraw(company: Acme, tuned: TunedModel, alias: str) -> None:
    deploy(tuned=tuned, alias=alias, share=10, actor=None, canary_guard="off")
    assert not Canary.objects.exists()
    row = watched(tuned, alias)
    deploy(tuned=tuned, alias=alias, share=50, actor=None, canary_guard="promote")
    row.refresh_from_db()
    assert (row.share, row.guard, row.state) == (50, "promote", "watching")
    deploy(tuned=tuned, alias=alias, share=50, actor=None, canary_guard="off")
    row.refresh_from_db()
    assert (row.state, row.why, row.due_at) == ("ended", "It was switched off.", None)

    deploy(tuned=tuned, alias=alias, share=10, actor=None)
    withdraw(tuned=tuned, alias=alias, actor=None)
    deploy(tuned=tuned, alias=alias, share=10, actor=None)
    deploy(tuned=tuned, alias=alias, share=100, actor=None)

    whys = list(Canary.objects.order_by("id").values_list("why", flat=True))
    assert whys == [
        "It was switched off.", "It was withdrawn.", "It got all calls: there is nothing to compare it with.",
    ]  # fmt: skip
    with pytest.raises(Invalid):
        deploy(tuned=tuned, alias=alias, share=10, actor=None, canary_guard="sometimes")


def test_a_watch_ends_with_the_route_and_after_a_month(company: Acme, tuned: TunedModel, alias: str) -> None:
    row = watched(tuned, alias)
    Canary.objects.update(since=timezone.now() - timedelta(days=31))
    look_due()
    row.refresh_from_db()
    assert (row.state, row.why.split(".")[0]) == ("ended", "Nothing was decided")

    row = Canary.objects.create(tuned=tuned, route="gone", share=10, due_at=timezone.now())
    look_due()

    row.refresh_from_db()
    assert (row.state, row.why, row.looks) == ("ended", "It is on the route no more.", 0)


def test_it_is_watched_from_when_it_answers(tuned: TunedModel, alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits for its deployment at the vendor."""
    monkeypatch.setattr(hosting, "needs_hosting", lambda row: True)
    monkeypatch.setattr(hosting, "want", lambda *, tuned, waits, actor: _wait(tuned, waits))
    Model.objects.filter(name="ft:x").update(is_enabled=False)
    deploy(tuned=tuned, alias=alias, share=10, actor=None)
    row = Canary.objects.get()
    assert row.since is None
    assert look_due() == 0
    row.refresh_from_db()
    assert (row.state, row.since) == ("watching", None)

    tuned.refresh_from_db()
    TunedModel.objects.update(serving={**tuned.serving, "routes": {alias: {"share": 10, "former": None}}})
    Canary.objects.update(due_at=timezone.now())
    look_due()

    row.refresh_from_db()
    assert row.since is not None
    assert row.looks == 0


def _wait(tuned: TunedModel, waits: dict[str, int]) -> None:
    Hosting.objects.create(tuned=tuned, name="gateway-x", waits=waits)


def test_a_look_has_a_fixed_number_of_queries(
    company: Acme, tuned: TunedModel, alias: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = watched(tuned, alias)
    score(company, calls(company, "ft:x", ["ok"] * 40), "0.9")
    calls(company, company.model.name, ["ok"] * 60)

    with django_assert_num_queries(9):  # two savepoints with their releases, model, watch, lines, scores, what was seen
        assert look(row.pk)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_make_one_decision(make_tuned: Make, make_job: Make, company: Acme) -> None:
    model = Model.objects.create(
        organization=company.organization, provider=company.provider, name="ft:x", upstream_name="ft:x"
    )
    tuned = make_tuned("ft:x", catalog_model=model, job=make_job(notification={"emails": [MAIL]}))
    row = watched(tuned, company.route.alias)
    calls(company, "ft:x", ["upstream_error"] * 60)
    calls(company, company.model.name, ["ok"] * 200)
    database = connection.settings_dict["NAME"]
    urls = {name: urlsplit(os.environ[name])._replace(path=f"/{database}").geturl() for name in URLS}
    command = [sys.executable, "-m", "tests.finetuning.evaluations.looker"]
    running = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, **urls}) for _ in range(3)]

    assert [process.wait(120) for process in running] == [0, 0, 0]

    row.refresh_from_db()
    assert (row.state, row.looks) == ("rolled_back", 1)
    assert on_route(company.route.alias) == [company.model.name]
    for verb in ("canary.rolled_back", "tuned_model.withdraw"):
        assert AuditEvent.objects.filter(verb=verb).count() == 1
    assert JobEvent.objects.filter(job=tuned.job, key__startswith="gateway:canary").count() == 1
    assert OutboxMessage.objects.filter(dedupe_key__contains=".canary.").count() == 1
