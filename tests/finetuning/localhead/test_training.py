"""Steps are the gradient's, curves are what they say, and a run can be stopped and repeated."""

import math

import numpy as np
import pytest

from finetuning.localhead import Example, Options, Training
from finetuning.localhead.features import Features
from finetuning.localhead.training import LEARNING_RATE

ROWS = [Example("sea", "blue"), Example("sky", "blue"), Example("fire", "red"), Example("rose", "red")]


def dense(features: Features, text: str) -> np.ndarray:
    row = features.transform([text])
    out = np.zeros(len(features.hashes), np.float32)
    out[row.columns] = row.values
    return out


def test_every_vector_has_length_one() -> None:
    _, rows = Features.fit(["the sea and the sky", "a", "x y z"])
    for start, end in zip(rows.starts, rows.starts[1:], strict=False):
        assert np.square(rows.values[start:end]).sum() == pytest.approx(1.0, abs=1e-6)


def test_the_parts_of_a_word_and_their_rarity() -> None:
    features, rows = Features.fit(["ab", "ab ab", "cd"])

    # ab, _a, ab(inside), b_, _ab, ab_, _ab_, the pair "ab ab", and seven of cd
    assert len(features.hashes) == 7 + 1 + 7
    assert len(rows) == 3
    assert sorted(set(np.round(features.rarity, 5))) == [
        np.float32(round(math.log(4 / 3) + 1, 5)),  # in two of three texts
        np.float32(round(math.log(4 / 2) + 1, 5)),  # in one
    ]


def test_the_first_step_is_the_gradient_of_the_cross_entropy() -> None:
    training = Training(ROWS, options=Options(n_epochs=1, batch_size=4))
    next(training.epochs())
    head = training.head()

    # all weights are zero at first, so every label has the share 1/2 and the error of a row is ±1/2
    vectors = [dense(head.features, row.text) for row in ROWS]
    blue = LEARNING_RATE * (0.5 * vectors[0] + 0.5 * vectors[1] - 0.5 * vectors[2] - 0.5 * vectors[3])
    np.testing.assert_allclose(head.weights[:, 0], blue, atol=1e-6)
    np.testing.assert_allclose(head.weights[:, 1], -blue, atol=1e-6)


def test_curves_measure_the_whole_sets() -> None:
    validation = [Example("sea", "blue"), Example("moon", "white")]
    first, second = Training(ROWS, validation, Options(n_epochs=2, batch_size=2)).epochs()

    assert (first.epoch, first.step, second.step) == (1, 2, 4)
    assert second.train_accuracy == 1.0
    assert second.valid_accuracy == 0.5  # white was never seen
    assert second.valid_loss is not None
    assert second.valid_loss > math.log(2) / 2
    assert second.train_loss < first.train_loss


def test_no_validation_set_no_figures() -> None:
    (curve,) = Training(ROWS, options=Options(n_epochs=1)).epochs()
    assert (curve.valid_loss, curve.valid_accuracy) == (None, None)


def test_a_run_that_is_stopped_keeps_what_it_has() -> None:
    training = Training(ROWS, options=Options(n_epochs=50))
    for curve in training.epochs():
        if curve.epoch == 2:
            break
    assert training.head().answer("sea").label == "blue"


def test_a_run_that_was_killed_goes_on_to_the_very_same_head() -> None:
    options = Options(n_epochs=6, batch_size=2, seed=3)
    whole = Training(ROWS, ROWS, options)
    curves = list(whole.epochs())

    killed = Training(ROWS, ROWS, options)
    for curve in killed.epochs():
        if curve.epoch == 2:
            break
    again = Training(ROWS, ROWS, options)
    again.resume(killed.state())

    assert again.epoch == 2
    assert list(again.epochs()) == curves[2:]
    assert again.head().digest() == whole.head().digest()


def test_the_state_of_another_run_is_refused() -> None:
    other = Training([*ROWS, Example("grass", "green")], options=Options(n_epochs=1))

    with pytest.raises(ValueError, match="over other examples"):
        Training(ROWS).resume(other.state())
    with pytest.raises(ValueError, match="no state of a run"):
        Training(ROWS).resume(b"PK nothing")


@pytest.mark.parametrize(
    "options",
    [{"n_epochs": 0}, {"n_epochs": 201}, {"batch_size": 0}, {"learning_rate_multiplier": 0.0}],
    ids=["no epoch", "many epochs", "no batch", "no rate"],
)
def test_options_have_bounds(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must lie"):
        Options(**options)
