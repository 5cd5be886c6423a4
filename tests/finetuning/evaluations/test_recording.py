"""Golden answers: what a dying model says becomes a file; the simulated provider answers in the gateway's place."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.answers.questions import Questions
from finetuning.answers.sunsets import radar
from finetuning.models import RecordedPrompt, Recording, TuningFile
from finetuning.services import files, recording
from finetuning.services.evaluations.asking import Reply, ask
from finetuning.services.recording import cancel_recording, create_recording, run
from gateway.models import AuditEvent, Job, VirtualKey
from gateway.services import bodies
from gateway.services.errors import Conflict, Forbidden, Invalid
from tests.factories import Acme
from tests.finetuning.answers.conftest import Make
from tests.finetuning.evaluations.conftest import Chats
from tests.finetuning.services.traffic import logged

pytestmark = pytest.mark.django_db
MODEL = "sim-dying"


def asked(question: str) -> str:
    """What the simulator answers, which is the same each time."""
    return ask("gw-x", {"model": MODEL, "messages": [{"role": "user", "content": question}]}, tags="").text


def made(company: Acme, source: TuningFile | None, **values: Any) -> Recording:
    fields: dict[str, Any] = {"model": MODEL, "consent": True, "actor": None, "source": source}
    return create_recording(project=company.assistant, **(fields | values))


def records(file: TuningFile) -> list[Any]:
    return [orjson.loads(line) for line in b"".join(files.blocks_of(file)).splitlines()]


@pytest.fixture
def prompts(chats: Chats) -> TuningFile:
    return chats(*((f"Question {number}", "an old answer") for number in range(6)))


def test_answers_of_a_dying_model_become_a_golden_file(company: Acme, prompts: TuningFile, make_tuned: Make) -> None:
    tuned = make_tuned(MODEL, sunset_on=timezone.now().date() + timedelta(days=40), sunset_source="https://a.example/x")
    row = made(company, prompts)

    assert run(row.pk)

    row.refresh_from_db()
    assert (row.status, row.progress, row.prompts, row.recorded, row.error) == ("succeeded", 1.0, 6, 6, "")
    file = row.file
    assert file is not None
    assert (file.origin, file.lines, file.format, file.project) == ("golden", 6, "chat", company.assistant)
    assert file.lineage["model"] == MODEL
    assert file.lineage["source"] == str(prompts.pk)
    assert [one["messages"] for one in records(file)] == [
        [{"role": "user", "content": f"Question {n}"}, {"role": "assistant", "content": asked(f"Question {n}")}]
        for n in range(6)
    ]
    assert not RecordedPrompt.objects.exists()
    key = VirtualKey.objects.get(name=f"Recording {MODEL}")
    assert (key.project, key.revoked_at is not None) == (company.assistant, True)
    (shown,) = radar(Questions(company.people["carol"], company.organization), timezone.now())
    assert (shown.model, shown.golden_file) == (tuned.name, str(file.pk))
    assert run(row.pk) is False


def test_logged_requests_are_asked_again_redacted(company: Acme) -> None:
    logged(company, "Where is it? I am bob.miller@contoso.com", "Old.", model_served=MODEL)
    logged(company, "Of another model?", "Old.")
    logged(company, "May nobody learn of it?", "Old.", model_served=MODEL, tag_set={"consent": "no"})
    row = made(company, None)

    assert run(row.pk)

    row.refresh_from_db()
    assert (row.status, row.prompts, row.error) == ("succeeded", 1, "")
    assert row.file is not None
    (record,) = records(row.file)
    question = record["messages"][0]["content"]
    assert question.startswith("Where is it? I am ")
    assert "bob.miller@contoso.com" not in question
    assert record["messages"][1] == {"role": "assistant", "content": asked(question)}


def test_a_run_that_was_killed_asks_nothing_twice(
    company: Acme, prompts: TuningFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, calls = made(company, prompts), []

    def dies(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        calls.append(body["messages"][0]["content"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return Reply("x")

    monkeypatch.setattr(recording, "BATCH", 2)
    monkeypatch.setattr(recording, "AT_ONCE", 1)
    monkeypatch.setattr(recording, "ask", dies)
    with pytest.raises(KeyboardInterrupt):
        run(row.pk)
    assert (calls[:2], Recording.objects.get().recorded) == (["Question 0", "Question 1"], 2)
    calls[:] = ["before"] * 3  # so that none of those that follow dies
    Job.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert run(row.pk)

    assert sorted(calls[3:]) == ["Question 2", "Question 3", "Question 4", "Question 5"]
    assert Recording.objects.get().recorded == 6
    assert TuningFile.objects.filter(origin="golden").count() == 1


def test_at_its_limit_it_ends_with_what_it_has(
    company: Acme, prompts: TuningFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(company, prompts, budget_limit=Decimal("0.3"))
    monkeypatch.setattr(recording, "BATCH", 2)
    monkeypatch.setattr(recording, "ask", lambda secret, body, tags: Reply("x", cost=Decimal("0.1")))

    run(row.pk)

    row.refresh_from_db()
    assert (row.status, row.recorded, row.spent) == ("succeeded", 4, Decimal("0.4"))
    assert row.error == "Its limit of 0.3 USD is spent."
    assert row.file is not None
    assert row.file.lines == 4


def test_a_limit_needs_a_price(company: Acme, prompts: TuningFile, monkeypatch: pytest.MonkeyPatch) -> None:
    row = made(company, prompts, budget_limit=Decimal(1))
    monkeypatch.setattr(recording, "BATCH", 2)
    monkeypatch.setattr(recording, "ask", lambda secret, body, tags: Reply("x"))

    run(row.pk)

    row.refresh_from_db()
    assert (row.recorded, row.error) == (2, "What an answer costs is not known, so its limit could not be kept.")


def test_a_cancelled_one_keeps_nothing(company: Acme, prompts: TuningFile, monkeypatch: pytest.MonkeyPatch) -> None:
    row = made(company, prompts)

    def cancels(secret: str, body: dict[str, Any], tags: str) -> Reply:
        return Reply("x")

    monkeypatch.setattr(recording, "BATCH", 2)
    monkeypatch.setattr(recording, "ask", cancels)
    kept = recording._keep

    def keeps(one: Recording, some: list[RecordedPrompt]) -> None:
        kept(one, some)
        if Recording.objects.filter(pk=one.pk, status="running").exists():
            cancel_recording(recording=one, actor=None)

    monkeypatch.setattr(recording, "_keep", keeps)
    run(row.pk)

    row.refresh_from_db()
    assert (row.status, row.file) == ("cancelled", None)
    assert not RecordedPrompt.objects.exists()
    assert not TuningFile.objects.filter(origin="golden").exists()
    with pytest.raises(Conflict):
        cancel_recording(recording=row, actor=None)
    assert AuditEvent.objects.filter(verb__startswith="recording.").count() == 2


def test_a_model_that_does_not_answer_fails_with_why(company: Acme, prompts: TuningFile) -> None:
    row = made(company, prompts, model="no-such-model")

    run(row.pk)

    row.refresh_from_db()
    assert (row.status, row.recorded, row.file) == ("failed", 0, None)
    assert "no-such-model" in row.error


def test_what_is_refused(company: Acme, prompts: TuningFile, make_file: Make) -> None:
    with pytest.raises(Invalid, match="consent"):
        made(company, prompts, consent=False)
    bodies.update_body_policy(policy=company.body_policy, actor=None, allows_training=False)
    with pytest.raises(Forbidden, match="does not allow training"):
        made(company, None)
    with pytest.raises(Invalid) as refused:
        made(company, make_file(project=company.banner))
    assert refused.value.code == "other_project"
    with pytest.raises(Invalid):
        made(company, prompts, size=0)
    made(company, prompts)
    with pytest.raises(Conflict, match="being recorded"):
        made(company, prompts)


def test_a_sample_is_the_same_for_the_same_seed(company: Acme, prompts: TuningFile) -> None:
    drawn = []
    for _ in range(2):
        row = made(company, prompts, size=3, seed=5)
        run(row.pk)
        row.refresh_from_db()
        assert row.file is not None
        drawn.append([one["messages"][0]["content"] for one in records(row.file)])

    assert len(drawn[0]) == 3
    assert drawn[0] == drawn[1]


def test_the_command_runs_one_to_its_end(company: Acme, prompts: TuningFile) -> None:
    out, project = StringIO(), company.assistant
    where = ["--organization", company.organization.slug, "--project", project.slug]

    call_command("record_golden", MODEL, *where, "--file", str(prompts.pk), "--consent", "--json", stdout=out)

    told = orjson.loads(out.getvalue())
    assert (told["status"], told["prompts"], told["recorded"]) == ("succeeded", 6, 6)
    assert TuningFile.objects.get(pk=told["file"]).origin == "golden"
    with pytest.raises(CommandError, match="consent"):
        call_command("record_golden", MODEL, *where, "--file", str(prompts.pk))
    with pytest.raises(CommandError, match="no project"):
        call_command("record_golden", MODEL, "--organization", "acme", "--project", "nowhere", "--consent")
