"""A head answers what it learned, says how sure it is, and comes back from its bytes unchanged."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from finetuning.localhead import Example, Head, NotClosedError, Options, Training, closed_set, suggest_threshold
from finetuning.localhead.head import best_temperature

COLORS = [
    Example("a deep sea", "blue"), Example("the clear sky", "blue"), Example("sea and sky", "blue"),
    Example("a ripe tomato", "red"), Example("the fire burns", "red"), Example("fire and tomato", "red"),
]  # fmt: skip


def trained(**options: int) -> Head:
    training = Training(COLORS, options=Options(**options))
    for _ in training.epochs():
        pass
    return training.head()


def test_it_answers_what_it_learned() -> None:
    head = trained()

    assert [answer.label for answer in head.answers(["deep sky", "ripe fire"])] == ["blue", "red"]
    assert head.answer("deep sky").confidence > 0.9
    assert head.labels == ["blue", "red"]
    assert not head.is_calibrated


def test_a_text_without_a_known_part_is_answered_hardly_sure() -> None:
    assert trained().answer("漢字").confidence == pytest.approx(0.5, abs=0.02)


def test_the_ranks_begin_with_the_answer_and_share_all_there_is() -> None:
    head = trained()
    ranked = head.ranked("deep sky", 5)

    assert ranked[0] == head.answer("deep sky")
    assert [answer.label for answer in ranked] == ["blue", "red"]
    assert sum(answer.confidence for answer in ranked) == pytest.approx(1.0)
    assert head.ranked("deep sky", 1) == ranked[:1]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert trained(seed=3).digest() == trained(seed=3).digest()
    assert trained(seed=3).digest() != trained(seed=4).digest()


def test_a_head_comes_back_from_its_bytes() -> None:
    head = trained()
    again = Head.from_bytes(head.to_bytes())

    assert again.labels == head.labels
    assert again.digest() == head.digest()
    assert again.answer("clear sea").label == "blue"


def test_bytes_that_are_no_head_are_refused() -> None:
    with pytest.raises(ValueError, match="no head"):
        Head.from_bytes(b"not a zip file")


def test_pickled_arrays_are_never_loaded() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("head.json", json.dumps({"format": 1, "labels": ["a"], "temperature": None}))
        for name in ("hashes", "rarity", "weights", "bias"):
            part = io.BytesIO()
            np.save(part, np.array([object()]), allow_pickle=True)
            archive.writestr(f"{name}.npy", part.getvalue())

    with pytest.raises(ValueError, match="allow_pickle"):
        Head.from_bytes(out.getvalue())


def test_parts_that_do_not_fit_are_refused() -> None:
    head = trained()
    head.bias = np.zeros(3, np.float32)

    with pytest.raises(ValueError, match="do not fit"):
        Head.from_bytes(head.to_bytes())


def test_temperature_is_the_one_that_makes_the_labels_likeliest() -> None:
    logits = np.array([[4.0, 0.0]] * 4, np.float32)  # sure of the first, right in three of four
    found = best_temperature(logits, np.array([0, 0, 0, 1]))

    # 1 / (1 + exp(-4 / t)) = 3/4 at t = 4 / ln 3 = 3.641; the nearest of the 97 that are tried
    assert found == pytest.approx(3.641, rel=0.02)


def test_no_temperature_without_rows() -> None:
    assert best_temperature(np.empty((0, 2), np.float32), np.empty(0, np.int64)) is None


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    head = trained()
    texts, labels = ["deep sea", "ripe tomato", "zzz"], ["blue", "red", "green"]
    last_sure = min(head.answer("deep sea").confidence, head.answer("ripe tomato").confidence)

    found = suggest_threshold(head, texts, labels, precision=1.0)

    assert (found.threshold, found.precision, found.answered, found.rows) == (last_sure, 1.0, 2, 3)
    assert found.coverage == pytest.approx(2 / 3)


def test_answers_of_the_same_confidence_stand_or_fall_together() -> None:
    head = trained()

    # equal texts are answered alike, and only one of them rightly
    assert suggest_threshold(head, ["deep sea"] * 2, ["blue", "red"], precision=1.0).threshold is None
    assert suggest_threshold(head, ["deep sea"] * 2, ["blue", "red"], precision=0.5).precision == 0.5


def test_no_threshold_when_none_keeps_the_precision() -> None:
    assert suggest_threshold(trained(), ["deep sea"], ["red"], precision=0.5).threshold is None


@pytest.mark.slow
@pytest.mark.needs_shared
def test_banking77_from_twenty_rows_a_label(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "finetuning"
    train, valid = (
        closed_set(json.loads(line) for line in (folder / name).read_text().splitlines())
        for name in ("banking77_train20.jsonl", "banking77_valid5.jsonl")
    )
    training = Training(train, valid)
    curves = list(training.epochs())
    head = Head.from_bytes(training.head().to_bytes())
    answers = head.answers(example.text for example in valid)

    right = sum(answer.label == example.label for answer, example in zip(answers, valid, strict=True))
    assert right >= 308  # 80 % of 385
    assert [curve.epoch for curve in curves] == list(range(1, 13))
    assert curves[-1].step == 12 * 49  # ⌈1,540 / 32⌉ steps an epoch
    assert head.is_calibrated


def test_texts_are_no_labels() -> None:
    records = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}
        for n in range(9)
    ]
    with pytest.raises(NotClosedError, match="9 records have 9 different answers"):
        closed_set(records)
