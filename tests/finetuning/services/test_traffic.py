"""Datasets from traffic: consent, filters, redaction, repeats, samples, drift, and what the audit trail says."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finetuning.models import TuningFile
from finetuning.services import files
from finetuning.services.files.traffic import Chosen, Sampling
from gateway.models import AuditEvent, Project
from gateway.services import bodies
from gateway.services.errors import Conflict, Forbidden, Invalid
from tests.factories import Acme, acme
from tests.finetuning.services.traffic import NOW, logged, scored

pytestmark = pytest.mark.django_db
WINDOW = (NOW - timedelta(days=2), NOW)


@pytest.fixture
def company(db: None) -> Acme:
    return acme()


def build(company: Acme, *, consent: bool = True, project: Project | None = None, **changes: Any) -> TuningFile:
    sampling = changes.pop("sampling", None)
    return files.build_from_traffic(
        project=project or company.assistant, name="support.jsonl", chosen=Chosen(*WINDOW, **changes), consent=consent,
        sampling=sampling, created_by=company.people["bob"], actor=company.people["bob"],
    )  # fmt: skip


def questions(file: TuningFile) -> list[str]:
    with files.open_file(file) as content:
        return [json.loads(line)["messages"][0]["content"] for line in content]


def test_requests_become_examples_oldest_first(company):
    logged(company, "Second?", "Two.", at=NOW - timedelta(hours=1))
    logged(company, "First?", "One.", at=NOW - timedelta(hours=3))
    logged(company, "Too old?", "Yes.", at=NOW - timedelta(days=3))
    logged(company, "Of ads?", "Yes.", project=company.banner)

    file = build(company)

    with files.open_file(file) as content:
        assert [json.loads(line) for line in content] == [
            {"messages": [{"role": "user", "content": "First?"}, {"role": "assistant", "content": "One."}]},
            {"messages": [{"role": "user", "content": "Second?"}, {"role": "assistant", "content": "Two."}]},
        ]
    assert (file.origin, file.format, file.created_by) == ("traffic", "chat", company.people["bob"])
    assert file.lineage["sample"]["taken"] == file.lineage["candidates"] == 2
    assert file.lineage["consent"] is True
    assert file.lineage["skipped"] == {}


def test_every_reading_is_audited(company):
    booked = logged(company, "First?", "One.")

    build(company)

    (event, again) = AuditEvent.objects.filter(verb="bodies.read").order_by("id")
    assert event.actor_id == company.people["bob"].pk
    assert event.after["request_ids"] == [booked["request_id"]]
    assert event.after["purpose"] == again.after["purpose"] == "training file"


def test_no_consent_no_file(company):
    logged(company, "First?", "One.")

    with pytest.raises(Invalid) as asked:
        build(company, consent=False)
    bodies.update_body_policy(policy=company.body_policy, actor=None, allows_training=False)
    with pytest.raises(Forbidden) as policy:
        build(company)

    assert (asked.value.code, policy.value.code) == ("consent_required", "training_not_allowed")
    assert not TuningFile.objects.exists()
    assert not AuditEvent.objects.filter(verb="bodies.read").exists()


def test_a_projects_own_policy_wins(company):
    logged(company, "First?", "One.")
    bodies.create_body_policy(
        organization=company.organization, project=company.assistant, actor=None, allows_training=False
    )

    with pytest.raises(Forbidden):
        build(company)


@pytest.mark.parametrize("value", ["no", "No ", "false", "0", "withdrawn"])
def test_a_request_may_be_tagged_as_not_to_be_learned_from(company, value):
    logged(company, "Mine?", "Yes.", tag_set={"consent": value})
    logged(company, "Yours?", "Yes.", tag_set={"consent": "yes"})

    file = build(company)

    assert questions(file) == ["Yours?"]
    assert file.lineage["skipped"] == {"consent_withdrawn": 1}


def test_filters(company):
    logged(company, "Model?", "Yes.", model_served="mini")
    logged(company, "Route?", "Yes.", route="fast")
    logged(company, "Tag?", "Yes.", tag_set={"feature": "support", "tier": "1"})
    logged(company, "Failed?", "Yes.", status="timeout", http_status=504)
    logged(company, "Denied?", "Yes.", kind="denied", status="denied")

    assert questions(build(company, models=["mini"])) == ["Model?"]
    assert questions(build(company, routes=["fast"])) == ["Route?"]
    assert questions(build(company, tags={"feature": "support"})) == ["Tag?"]
    assert sorted(questions(build(company))) == ["Model?", "Route?", "Tag?"]
    assert sorted(questions(build(company, is_successful=False))) == ["Failed?", "Model?", "Route?", "Tag?"]


def test_feedback_decides(company):
    scored(logged(company, "Good?", "Yes."), "0.9")
    scored(logged(company, "Bad?", "Yes."), "0.2")
    scored(logged(company, "Approved?", "Yes."), "0.1", label="approved")
    other = logged(company, "Other name?", "Yes.")
    scored(other, "0.9", name="tone")
    logged(company, "Unscored?", "Yes.")

    by_score = build(company, min_score=Decimal("0.8"), score_name="helpfulness")

    assert questions(by_score) == ["Good?"]
    assert by_score.lineage["skipped"] == {"score": 4}
    assert sorted(questions(build(company, labels=["approved"], min_score=Decimal("0.8"), score_source="user"))) == [
        "Approved?", "Good?", "Other name?",
    ]  # fmt: skip


def test_what_cannot_be_an_example_is_counted(company):
    logged(company, "Cut?", "Yes.", is_truncated=True)
    logged(company, "Silent?", "")
    logged(company, "Twice?", "Yes.")
    logged(company, "TWICE?", "yes.")

    file = build(company)

    assert len(questions(file)) == 1
    assert file.lineage["skipped"] == {"no_body": 1, "no_answer": 1, "duplicate": 1}


def test_nothing_found_is_told_with_reasons(company):
    logged(company, "Cut?", "Yes.", is_truncated=True)

    with pytest.raises(Conflict, match=r"No request of the window can be an example \(no_body 1\)\."):
        build(company)


def test_secrets_and_personal_data_are_replaced(company):
    logged(company, "I am jane@corp-mail.io, call (415) 555-2671.", 'Set password = "hunter2x9!" there.')
    logged(company, "Clean?", "Yes.")

    file = build(company)

    with files.open_file(file) as content:
        text = content.read().decode()
    assert "jane" not in text
    assert "555-2671" not in text
    assert "hunter2" not in text
    assert "[EMAIL]" in text
    assert "[PASSWORD]" in text
    assert file.lineage["redacted"] == 1


def test_a_sample_keeps_the_shares_of_its_strata(company):
    for number in range(8):
        logged(company, f"English question number {number}, please?", "Yes.", model_served="large")
    for number in range(4):
        logged(company, f"Other English question {number}, please?", "Yes.", model_served="mini")

    sampling = Sampling(6, ["model"], "proportional", 3)
    file, again = build(company, sampling=sampling), build(company, sampling=sampling)

    asked = questions(file)
    assert len([one for one in asked if one.startswith("Other")]) == 2
    assert len(asked) == 6
    assert questions(again) == asked
    assert file.lineage["sample"] == {
        "size": 6, "stratify_by": ["model"], "allocation": "proportional", "seed": 3, "taken": 6,
    }  # fmt: skip


def test_drift_against_last_weeks_traffic(company):
    for number in range(30):
        booked = logged(company, f"How do I change address number {number}?", "In your account.")
        if number < 3:
            scored(booked, "0.9")
    for number in range(30):
        refusing = logged(company, f"Can you tell me secret number {number}?", "I'm sorry, but I can't help with that.")
        if number < 27:
            scored(refusing, "0.9")

    drift = build(company, min_score=Decimal("0.8")).lineage["drift"]

    assert (drift["examples"], drift["traffic"]) == (30, 60)
    refusal = next(one for one in drift["traits"] if one["trait"] == "refusal")
    assert refusal["shares"] == {"yes": [0.9, 0.5], "no": [0.1, 0.5]}
    # H(0.7) - (H(0.9) + H(0.5)) / 2 = 0.88129 - (0.46900 + 1) / 2
    assert refusal["divergence"] == drift["score"] == 0.1468
    assert refusal["differs"] is True
