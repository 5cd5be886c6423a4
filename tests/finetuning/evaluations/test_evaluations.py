"""Evaluations from the question to the verdict; the simulated provider answers in the gateway's place."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from finetuning.answers.verdicts import answer_of
from finetuning.models import Evaluation, EvaluationItem
from finetuning.services.evaluations import cancel_evaluation, create_evaluation, judging, run, running
from finetuning.services.evaluations.asking import Reply, ask
from gateway.models import Job, VirtualKey
from gateway.services.errors import Conflict, Invalid
from tests.factories import Acme
from tests.finetuning.answers.conftest import Make
from tests.finetuning.evaluations.conftest import Chats

pytestmark = pytest.mark.django_db
BASE, OTHER = "sim-one", "sim-two"
TWO = [{"label": "base", "model": BASE, "max_tokens": 20}, {"label": "tuned", "model": OTHER, "max_tokens": 20}]


def said(question: str, model: str = BASE) -> str:
    """What the simulator answers, which is the same each time."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 20}
    return ask("gw-x", body, tags="").text


def made(company: Acme, file: Any, **values: Any) -> Evaluation:
    fields = {"contestants": TWO, "metrics": ["exact", "rouge_l", "macro_f1"], **values}
    return create_evaluation(project=company.assistant, file=file, actor=None, **fields)


def ran(evaluation: Evaluation) -> Evaluation:
    assert run(evaluation.pk)
    evaluation.refresh_from_db()
    return evaluation


def test_from_questions_to_a_verdict(company: Acme, chats: Chats) -> None:
    pairs = [(f"Question {number}", said(f"Question {number}")) for number in range(6)]

    evaluation = ran(made(company, chats(*pairs)))

    result = evaluation.result
    assert result is not None
    assert (evaluation.status, evaluation.progress, evaluation.error) == ("succeeded", 1.0, "")
    assert result["items"] == 6
    exact = result["metrics"][0]
    assert [one["mean"] for one in exact["contestants"]] == [1.0, 0.0]
    assert exact["contestants"][0]["lower"] == pytest.approx(0.6097, abs=1e-4)  # Wilson, 6 of 6
    (difference,) = exact["differences"]
    assert (difference["losses"], difference["verdict"]) == (6, "worse")
    assert difference["p_value"] == 0.03125  # 2 × ½⁶
    assert difference["p_adjusted"] >= difference["p_value"]
    assert result["metrics"][2]["contestants"][0]["mean"] == 1.0
    assert result["verdict"] == [{"contestant": 1, "verdict": "worse", "few": True, "regressed": False}]
    assert [one["line"] for one in result["worst"]] == [1, 2, 3, 4, 5, 6]
    assert result["contestants"][0]["cost_per_1k"] is None  # nobody told a price
    key = VirtualKey.objects.get(name__startswith="Evaluation")
    assert (key.project, key.revoked_at is not None) == (company.assistant, True)


def test_a_run_that_was_killed_asks_nothing_twice(company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(f"Question {number}", "x") for number in range(5)]
    evaluation, calls = made(company, chats(*pairs)), []

    def dies(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        calls.append(body["messages"][0]["content"])
        if len(calls) > 4:
            raise KeyboardInterrupt
        return Reply("x", latency_ms=1)

    monkeypatch.setattr(running, "BATCH", 4)
    monkeypatch.setattr(running, "AT_ONCE", 1)
    monkeypatch.setattr(running, "ask", dies)
    with pytest.raises(KeyboardInterrupt):
        run(evaluation.pk)
    assert EvaluationItem.objects.filter(evaluation=evaluation).count() == 4
    Job.objects.update(claimed_until=timezone.now())
    seen: list[Any] = []
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: seen.append(body) or Reply("x", latency_ms=1))

    ran(evaluation)

    assert len(seen) == 6
    assert EvaluationItem.objects.filter(evaluation=evaluation).count() == 10


def test_items_of_the_training_file_are_left_out(company: Acme, chats: Chats, make_job: Make) -> None:
    train = chats(("What is the capital of France?", "Paris"), ("Name a river in Africa.", "Nile"), name="train.jsonl")
    held = chats(("What is the capital of France?", "Paris"), ("How many legs has a spider?", "Eight"))

    evaluation = ran(made(company, held, job=make_job(training_file=train)))

    assert evaluation.leaks == {"leak_exact": [1]}
    assert evaluation.result is not None
    assert evaluation.result["items"] == 1


def test_nothing_left_is_told(company: Acme, chats: Chats, make_job: Make) -> None:
    train = chats(("What is the capital of France?", "Paris"), name="train.jsonl")

    evaluation = ran(
        made(company, chats(("What is the capital of France?", "Paris")), job=make_job(training_file=train))
    )

    assert evaluation.status == "failed"
    assert evaluation.error.startswith("No item is left to ask")


def test_failed_answers_are_no_answers(company: Acme, chats: Chats) -> None:
    contestants = [TWO[0], {"label": "none", "model": "no-such-model"}]

    evaluation = ran(made(company, chats(("Hello", "x")), contestants=contestants))

    assert evaluation.result is not None
    assert (evaluation.result["items"], evaluation.result["errors"]) == (0, {"0": 0, "1": 1})
    assert evaluation.result["verdict"] == []
    assert "no-such-model" in EvaluationItem.objects.get(contestant=1).error


def test_it_stops_when_its_money_is_spent(company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: Reply("x", cost=Decimal("0.6"), latency_ms=1))
    evaluation = made(company, chats(*((f"Q{n}", "x") for n in range(4))), budget_limit=Decimal(1))

    ran(evaluation)

    assert (evaluation.status, evaluation.error) == ("failed", "Its limit of 1 USD is spent.")
    assert evaluation.result is not None
    assert evaluation.result["contestants"][0]["cost"] == "0.6000000000"


def test_a_limit_that_cannot_be_kept_ends_it(company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: Reply("x", latency_ms=1))

    evaluation = ran(made(company, chats(("Hello", "x")), budget_limit=Decimal(1)))

    assert evaluation.status == "failed"
    assert evaluation.error == "What an answer costs is not known, so its limit could not be kept."


@pytest.mark.parametrize(("price", "said"), [("0.2", "Its limit of 1 USD is spent."), (None, "What an answer costs")])
def test_the_judge_is_paid_from_the_same_limit(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch, price: str | None, said: str
) -> None:
    cost = None if price is None else Decimal(price)
    monkeypatch.setattr(judging, "BATCH", 1)
    monkeypatch.setattr(judging, "ask", lambda secret, body, tags: Reply("A", cost=cost))
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: Reply(body["model"], cost=Decimal("0.05")))
    evaluation = made(
        company, chats(*((f"Q{n}", "x") for n in range(4))), metrics=["judge"], judge={"model": "gpt-4o"},
        budget_limit=Decimal(1),
    )  # fmt: skip

    ran(evaluation)

    assert (evaluation.status, evaluation.error.startswith(said)) == ("failed", True)
    spent = {"0.2": "0.8", None: None}[price]  # eight answers of 0.05, then two judges of 0.2 a pair
    assert (evaluation.judge or {})["spent"] == spent


def test_why_the_judge_could_not_be_asked_is_kept(company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "ask", lambda secret, body, tags: Reply(error="The model does not exist."))
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: Reply(body["model"], cost=Decimal("0.05")))

    evaluation = ran(made(company, chats(("Q", "x")), metrics=["judge"], judge={"model": "gpt-4o"}))

    assert evaluation.judge is not None
    assert (evaluation.status, evaluation.judge["spent"], evaluation.judge["error"]) == (
        "succeeded", "0", "The model does not exist."
    )  # fmt: skip


def test_a_cancelled_one_stays_cancelled(company: Acme, chats: Chats) -> None:
    evaluation = made(company, chats(("Hello", "x")))

    cancel_evaluation(evaluation=evaluation, actor=None)

    assert not run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.status == "cancelled"
    with pytest.raises(Conflict):
        cancel_evaluation(evaluation=evaluation, actor=None)


def test_a_sample_is_drawn_by_the_seed(company: Acme, chats: Chats) -> None:
    file = chats(*((f"Question {number}", "x") for number in range(30)))

    lines = [
        sorted(ran(made(company, file, sample=5, seed=seed)).items.filter(contestant=0).values_list("line", flat=True))
        for seed in (1, 1, 2)
    ]

    assert len(lines[0]) == 5
    assert lines[0] == lines[1] != lines[2]


def test_own_instructions_stand_in_place_of_the_items(company: Acme) -> None:
    from finetuning.services.evaluations.items import Item

    item = Item(1, [{"role": "system", "content": "Long."}, {"role": "user", "content": "Hi"}], "x", [])

    assert running.body_of(item, {"model": "m", "system": "Short."})["messages"][0]["content"] == "Short."
    assert running.body_of(item, {"model": "m", "system": ""})["messages"] == [{"role": "user", "content": "Hi"}]
    assert running.body_of(item, {"model": "m", "temperature": None}) == {"model": "m", "messages": item.messages}


@pytest.mark.parametrize(
    ("straight", "swapped", "score"),
    [("B", "A", 1.0), ("A", "B", 0.0), ("A", "A", 0.5), ("B", "B", 0.5), ("T", "B", 0.5), ("x", "A", None)],
)
def test_a_judge_is_believed_when_it_says_the_same_both_ways(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch, straight: str, swapped: str, score: float | None
) -> None:
    def judged(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        content = body["messages"][1]["content"]
        return Reply(straight if content.index("first one") < content.index("second one") else swapped)

    monkeypatch.setattr(judging, "ask", judged)
    monkeypatch.setattr(
        running, "ask", lambda secret, body, tags: Reply("first one" if body["model"] == BASE else "second one")
    )

    evaluation = ran(made(company, chats(("Hello", "x")), metrics=["judge"], judge={"model": "gpt-4o"}))

    assert EvaluationItem.objects.get(contestant=1).scores.get("judge") == score
    assert evaluation.result is not None
    assert evaluation.result["metrics"][0]["contestants"][1]["mean"] == score


def test_answers_are_encrypted(company: Acme, chats: Chats) -> None:
    text = said("Hello")

    ran(made(company, chats(("Hello", text))))

    row = EvaluationItem.objects.get(contestant=0)
    assert answer_of(row) == text
    assert text.encode() not in bytes(row.answer or b"")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"contestants": TWO[:1]}, "contestants"),
        ({"contestants": [TWO[0], TWO[0]]}, "labels_repeat"),
        ({"metrics": ["bleu"]}, "unknown_metric"),
        ({"metrics": []}, "unknown_metric"),
        ({"metrics": ["judge"]}, "judge"),
        ({"judge": {"model": "m"}}, "judge"),
    ],
)
def test_bad_ones_are_refused(company: Acme, chats: Chats, values: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        made(company, chats(("Hello", "x")), **values)

    assert caught.value.code == code


def test_slices_show_who_lost(company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second model has one label right and the other wrong; p is adjusted for all five slices."""
    monkeypatch.setattr(
        running, "ask", lambda secret, body, tags: Reply("red" if body["model"] == OTHER else "blue", latency_ms=1)
    )
    pairs = [(f"Question {number}" + " x" * 100 * (number % 2), ("red", "blue")[number % 2]) for number in range(20)]

    result = ran(made(company, chats(*pairs), metrics=["macro_f1", "exact"])).result

    assert result is not None
    found = {(one["kind"], one["name"]): one for one in result["slices"]}
    assert list(found) == [
        ("label", "blue"), ("label", "red"), ("length", "201 to 1,000 characters"), ("length", "up to 200 characters"),
        ("language", "en"),
    ]  # fmt: skip
    red, blue = found["label", "red"], found["label", "blue"]
    assert [one["mean"] for one in red["contestants"]] == [0.0, 1.0]
    assert red["contestants"][1]["lower"] == pytest.approx(0.7225, abs=1e-4)  # Wilson, 10 of 10
    assert (red["metric"], red["items"], red["differences"][0]["verdict"]) == ("exact", 10, "better")
    assert blue["differences"][0]["verdict"] == "worse"
    assert red["differences"][0]["p_value"] == 2 / 2**10
    assert red["differences"][0]["p_adjusted"] == 5 * 2 / 2**10


# ---- names -----------------------------------------------------------------------------------------------------------
def test_models_that_nothing_answers_to_are_refused(company: Acme, chats: Chats) -> None:
    file = chats(("Hello", "x"))
    for values, field in (
        ({"contestants": [TWO[0], {"model": "ft:local-head:bogus:x:1"}]}, "contestants.1.model"),
        ({"contestants": [{"model": "dicl:nope"}, TWO[1]]}, "contestants.0.model"),
        ({"metrics": ["judge"], "judge": {"model": "nope"}}, "judge.model"),
    ):
        with pytest.raises(Invalid) as refused:
            made(company, file, **values)
        assert (refused.value.code, refused.value.field) == ("model_not_found", field)


# ---- money -----------------------------------------------------------------------------------------------------------
def own_budget() -> str:
    return str(VirtualKey.objects.get(name__startswith="Evaluation").lineage)


def test_the_limit_is_the_budget_of_its_keys_however_often_it_is_killed(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        raise KeyboardInterrupt

    evaluation = made(company, chats(("Hello", "x")), budget_limit=Decimal(1))
    for ask_it in (dies, dies, lambda secret, body, tags: Reply("x", cost=Decimal("0.1"))):
        monkeypatch.setattr(running, "ask", ask_it)
        try:
            ran(evaluation)
        except KeyboardInterrupt:
            Job.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    keys = VirtualKey.objects.filter(name__startswith="Evaluation").order_by("created_at")
    assert [key.budget_amount for key in keys] == [Decimal(1)] * 3
    assert {key.lineage for key in keys} == {keys[0].pk}
    assert evaluation.status == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_what_its_own_budget_refuses_ends_it_and_is_no_answer(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        if body["model"] == BASE:
            return Reply("x", cost=Decimal("0.1"))
        return Reply(error="It is used up.", refusal="budget_exceeded", budget=own_budget())

    monkeypatch.setattr(running, "ask", answers)

    evaluation = ran(made(company, chats(("Hello", "x")), budget_limit=Decimal(1)))

    assert (evaluation.status, evaluation.error) == ("failed", "Its limit of 1 USD is spent.")
    assert EvaluationItem.objects.get(evaluation=evaluation).contestant == 0


def test_an_answer_that_the_limit_cut_short_is_paid_and_not_scored(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: Reply("x", cost=Decimal("0.1"), is_cut=True))

    evaluation = ran(made(company, chats(("Hello", "x")), budget_limit=Decimal(1)))

    assert evaluation.error == "Its limit of 1 USD is spent."
    assert {(one.error, one.cost) for one in EvaluationItem.objects.filter(evaluation=evaluation)} == {
        ("The limit had no room for the whole answer.", Decimal("0.1"))
    }


def test_another_budget_that_refuses_is_an_answer_that_never_came(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Reply(error="The budget of Acme is used up.", refusal="budget_exceeded", budget="another")
    monkeypatch.setattr(running, "ask", lambda secret, body, tags: refused)

    evaluation = ran(made(company, chats(("Hello", "x")), budget_limit=Decimal(1)))

    assert (evaluation.status, evaluation.result and evaluation.result["errors"]) == ("succeeded", {"0": 1, "1": 1})


def test_amounts_are_of_the_currency_of_their_prices(
    company: Acme, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second model is billed in euros on one item and in dollars on the other: that has no sum."""

    def answers(secret: str, body: dict[str, Any], *, tags: str) -> Reply:
        is_euro = body["model"] == BASE or body["messages"][0]["content"] == "Q0"
        return Reply("x", cost=Decimal("0.2"), currency="EUR" if is_euro else "USD")

    monkeypatch.setattr(running, "ask", answers)
    file = chats(("Q0", "x"), ("Q1", "x"))

    first, second = (ran(made(company, file)).result or {})["contestants"]
    limited = ran(made(company, file, budget_limit=Decimal(5)))

    assert (first["currency"], first["cost"], first["cost_per_1k"]) == ("EUR", "0.4000000000", "200.0000000000")
    assert (second["cost"], second["cost_per_1k"]) == (None, None)
    assert limited.error == "Its answers are billed in EUR and USD, so one limit could not be kept."
