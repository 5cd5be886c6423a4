"""A head is trained by rows: claimed, stored epoch by epoch, gone on with after a kill, cancelled between epochs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from costs.models import PriceOverride
from finetuning.backends import NotOffered, Refused, backend_of
from finetuning.backends.localhead import KIND, LocalHeadBackend
from finetuning.localhead import Head, Training
from finetuning.models import Checkpoint, HeadRun, JobEvent, JobPoint, TunedModel, TuningJob
from finetuning.services import heads
from gateway.models import AuditEvent, Job, Model, Project, Provider
from gateway.services import jobs
from tests import factories
from tests.finetuning.backends.conftest import COLORS, HELD_OUT, MakeFile, MakeJob
from tests.finetuning.conftest import chat

backend = LocalHeadBackend()


def kill_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """The process dies when so many epochs are stored."""
    real = Training.epochs

    def epochs_until(training: Training) -> Iterator[Any]:
        for curve in real(training):
            if curve.epoch > epochs:
                raise SystemExit
            yield curve

    monkeypatch.setattr(Training, "epochs", epochs_until)


def test_the_settings_name_it() -> None:
    assert isinstance(backend_of("local-head"), LocalHeadBackend)


def test_a_run_from_start_to_served_model(make_job: MakeJob) -> None:
    job = make_job("local-head", validation=HELD_OUT, hyperparameters={"n_epochs": 4}, seed=5)

    started = backend.start(job)
    assert (started.status, started.job_id, started.progress) == ("queued", f"head-{job.pk.hex}", None)
    assert heads.run_waiting() == 1
    seen = backend.look(job)

    assert (seen.status, seen.progress, seen.error) == ("succeeded", 1.0, None)
    assert seen.tuned_model == f"ft:local-head:acme:colours:{job.pk.hex[-8:]}"
    assert seen.hyperparameters == {"n_epochs": 4, "batch_size": 32, "seed": 5}
    points = list(JobPoint.objects.filter(job=job))
    assert [(point.step, point.epoch) for point in points] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert points[-1].train_accuracy == 1.0
    assert points[-1].full_valid_accuracy == 0.75
    assert points[-1].valid_loss is None  # it is measured over the whole set
    events = list(JobEvent.objects.filter(job=job).order_by("at", "id"))
    assert [event.key for event in events] == [
        "head:began", "head:epoch:1", "head:epoch:2", "head:epoch:3", "head:epoch:4", "head:published",
    ]  # fmt: skip
    assert (events[1].type, events[1].data["step"]) == ("metrics", 1)
    assert set(events[1].data) == {
        "step", "train_loss", "train_mean_token_accuracy", "full_valid_loss", "full_valid_mean_token_accuracy",
    }  # fmt: skip
    assert list(backend.events(job)) == []


def test_the_best_checkpoint_is_served(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job("local-head", validation=HELD_OUT, hyperparameters={"n_epochs": 8})
    backend.start(job)
    heads.run_waiting()

    best = JobPoint.objects.filter(job=job).order_by("full_valid_loss", "step")[0].step
    kept = {row.step: row for row in Checkpoint.objects.filter(job=job)}
    alive = {step for step, row in kept.items() if row.dropped_at is None}
    tuned = TunedModel.objects.get(job=job)

    assert best < 6  # the wrong row of the held-out set is contradicted ever louder
    assert alive == {best, 6, 7, 8}
    assert [kept[step].artifact is None for step in (best, 7)] == [False, False]
    assert all(kept[step].artifact is None for step in kept.keys() - alive)
    assert tuned.artifact == kept[best].artifact
    assert backend.checkpoints(job) is None  # they are stored already


@pytest.fixture
def fallback(project: Project) -> Model:
    """What answers where a head is not sure."""
    return factories.ModelFactory(organization=project.organization, name="gpt-4o-mini")


def test_it_is_served_free_by_a_provider_of_its_own(make_job: MakeJob, fallback: Model) -> None:
    job = make_job("local-head", validation=HELD_OUT, hyperparameters={"fallback": "gpt-4o-mini", "precision": 0.9})
    backend.start(job)
    heads.run_waiting()

    tuned = TunedModel.objects.get(job=job)
    provider = Provider.objects.get(kind="local-head")
    assert tuned.catalog_model == Model.objects.get(name=tuned.name)
    assert tuned.catalog_model is not None
    assert (tuned.catalog_model.provider, tuned.catalog_model.organization) == (provider, job.organization)
    assert tuned.catalog_model.capabilities == ["chat"]
    assert (provider.organization, provider.slug) == (job.organization, "local-head")
    price = PriceOverride.objects.get(organization=job.organization)
    assert (price.provider, price.model, price.prices) == ("local-head", "*", {"input": "0", "output": "0"})
    assert tuned.serving["fallback"] == "gpt-4o-mini"
    # "sky" is blue for it and red in the file: only what is surer than that is right nine times in ten
    head = Head.from_bytes(bytes(tuned.artifact or b""))
    sure = {text: head.answer(text).confidence for text in ("deep sky", "ripe fire", "the clear sea", "sky")}
    assert tuned.serving["threshold"] == min(value for value in sure.values() if value > sure["sky"])
    assert AuditEvent.objects.filter(verb="tuned_model.create").count() == 1


def test_a_second_head_shares_provider_and_price(make_job: MakeJob) -> None:
    for _ in range(2):
        backend.start(make_job("local-head"))
        heads.run_waiting()

    assert Provider.objects.filter(kind="local-head").count() == 1
    assert PriceOverride.objects.count() == 1
    assert TunedModel.objects.count() == 2


def test_a_slug_that_is_taken_is_left_alone(make_job: MakeJob, project: Project) -> None:
    factories.ProviderFactory(organization=project.organization, slug="local-head", kind="openai")
    backend.start(make_job("local-head"))
    heads.run_waiting()

    assert Provider.objects.get(kind="local-head").slug == "local-head-models"


def test_without_a_validation_file_it_answers_everything(make_job: MakeJob) -> None:
    job = make_job("local-head", hyperparameters={"n_epochs": "auto"})
    backend.start(job)
    heads.run_waiting()

    assert TunedModel.objects.get(job=job).serving == {"base": "local-head-hash", "fallback": "", "threshold": None}
    assert JobPoint.objects.filter(job=job, full_valid_loss=None).count() == 12


@pytest.mark.parametrize("where", ["auto_deploy", "hyperparameters"])
def test_a_threshold_of_the_job_stands(make_job: MakeJob, fallback: Model, where: str) -> None:
    job = make_job("local-head", validation=HELD_OUT, **{where: {"threshold": 0.7, "fallback": "gpt-4o-mini"}})
    backend.start(job)
    heads.run_waiting()

    serving = TunedModel.objects.get(job=job).serving
    assert (serving["threshold"], serving["fallback"]) == (0.7, "gpt-4o-mini")


def test_a_run_that_was_killed_goes_on_to_the_same_head(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed = (make_job("local-head", hyperparameters={"n_epochs": 6, "batch_size": 2}, seed=3) for _ in "ab")
    backend.start(whole)
    heads.run_waiting()
    backend.start(killed)
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(SystemExit):
            heads.run_waiting()

    assert backend.look(killed).progress == 2 / 6
    assert heads.run_waiting() == 0  # the dead process's claim still holds
    Job.objects.filter(period=str(killed.pk)).update(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
    assert heads.run_waiting() == 1

    assert backend.look(killed).status == "succeeded"
    assert JobEvent.objects.filter(job=killed, key="head:resumed:2").count() == 1
    assert [point.step for point in JobPoint.objects.filter(job=killed)] == [3, 6, 9, 12, 15, 18]
    digests = {row.job_id: row.artifact_sha256 for row in TunedModel.objects.all()}
    assert digests[killed.pk] == digests[whole.pk]
    assert HeadRun.objects.get(job=killed).state is None


def test_cancel_takes_the_claim_away(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job("local-head", hyperparameters={"n_epochs": 6})
    real = heads._keep

    def keep_then_cancel(claim: Job, run: HeadRun, training: Training, curve: Any) -> None:
        real(claim, run, training, curve)
        if curve.epoch == 2:
            assert backend.cancel(job).status == "cancelled"

    monkeypatch.setattr(heads, "_keep", keep_then_cancel)
    backend.start(job)
    heads.run_waiting()

    assert backend.look(job).status == "cancelled"
    assert JobPoint.objects.filter(job=job).count() == 2
    assert not TunedModel.objects.exists()
    assert backend.cancel(job).status == "cancelled"


def test_cancel_before_it_began(make_job: MakeJob) -> None:
    job = make_job("local-head")
    backend.start(job)

    assert backend.cancel(job).status == "cancelled"
    assert heads.run_waiting() == 0


def test_what_is_over_cannot_be_cancelled(make_job: MakeJob) -> None:
    job = make_job("local-head")
    backend.start(job)
    heads.run_waiting()

    assert backend.cancel(job).status == "succeeded"


def test_starting_twice_is_one_run(make_job: MakeJob) -> None:
    job = make_job("local-head")
    backend.start(job)
    backend.start(job)

    assert (HeadRun.objects.count(), Job.objects.filter(kind=KIND).count()) == (1, 1)
    assert heads.run_waiting() == 1
    assert backend.start(job).status == "succeeded"
    assert heads.run_waiting() == 0


def test_one_run_at_a_time(make_job: MakeJob) -> None:
    first, second = make_job("local-head"), make_job("local-head")
    backend.start(first)
    backend.start(second)
    assert jobs.claim(KIND, str(first.pk), 60) is not None

    assert heads.run_waiting() == 0


@pytest.mark.parametrize(
    ("training", "code", "words"),
    [
        ([chat(f"question {n}", f"a text of its own, number {n}") for n in range(6)], "not_a_closed_set",
         "6 records have 6 different answers"),
        ([*COLORS, chat("", "blue")], "not_a_closed_set", "Record 7 of train.jsonl"),
        (json.dumps(COLORS[0]).encode() + b'\n{"a": \n', "invalid_file", "Line 2 of train.jsonl is not JSON"),
        (b"[]\n", "invalid_file", "Line 1 of train.jsonl is not a JSON object"),
        ([chat("x", "same")] * 3, "not_a_closed_set", "At least two different answers"),
    ],
    ids=["texts", "empty", "no JSON", "no object", "one label"],
)  # fmt: skip
def test_what_is_no_closed_set_is_refused_with_the_reason(
    make_job: MakeJob, training: Any, code: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        backend.start(make_job("local-head", training))

    assert (refused.value.code, refused.value.param) in [(code, "training_file")]
    assert words in refused.value.message
    assert not HeadRun.objects.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base_model": "gpt-4o"}, "model_not_found"), ({"method": "dpo"}, "method_not_offered"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameter_invalid"),
        ({"hyperparameters": {"n_epochs": 1.5}}, "hyperparameter_invalid"),
        ({"hyperparameters": {"batch_size": "many"}}, "hyperparameter_invalid"),
        ({"hyperparameters": {"precision": 2}}, "hyperparameter_invalid"),
        ({"hyperparameters": {"fallback": "nobody"}}, "fallback_not_found"),
        ({"hyperparameters": {"threshold": 1.5}}, "hyperparameter_invalid"),
        ({"validation": [{"messages": [{"role": "user", "content": "x"}]}]}, "not_a_closed_set"),
    ],
)  # fmt: skip
def test_what_it_does_not_do_is_refused(make_job: MakeJob, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        backend.start(make_job("local-head", **fields))

    assert refused.value.code == code


def test_too_many_weights_fail_with_the_number(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAX_WEIGHTS", 10)
    job = make_job("local-head")
    backend.start(job)
    heads.run_waiting()

    seen = backend.look(job)
    assert seen.status == "failed"
    assert seen.error is not None
    assert seen.error["code"] == "too_many_features"
    assert JobEvent.objects.get(job=job).level == "error"


def test_a_defect_is_tried_again_and_then_given_up(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job("local-head")
    backend.start(job)
    monkeypatch.setattr(heads, "training_set", lambda job: 1 / 0)
    for _ in range(heads.MAX_TRIES):
        assert backend.look(job).status == "queued"
        heads.run_waiting()
        Job.objects.update(claimed_until=datetime.now(UTC) - timedelta(seconds=1))

    assert backend.look(job).status == "failed"


def test_it_asks_to_be_looked_at_when_it_is_over(make_job: MakeJob) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    job = make_job("local-head", sync_due_at=later)
    backend.start(job)
    heads.run_waiting()

    due = TuningJob.objects.get(pk=job.pk).sync_due_at
    assert due is not None
    assert due < later - timedelta(minutes=30)


def test_neither_pause_nor_resume(make_job: MakeJob) -> None:
    job = make_job("local-head")
    with pytest.raises(NotOffered):
        backend.pause(job)
    with pytest.raises(NotOffered):
        backend.resume(job)


def test_a_file_in_small_parts_is_read_whole(make_job: MakeJob, stored: MakeFile) -> None:
    job = make_job("local-head")
    job.training_file = stored(COLORS, part_bytes=7)
    backend.start(job)
