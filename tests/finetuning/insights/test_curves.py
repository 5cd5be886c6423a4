"""Result files of several vendors, in both encodings."""

import base64
import math

import pytest

from finetuning.insights import Point, ResultFileError, read_result_file
from finetuning.insights.curves import point_of

OPENAI = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,1.5,0.5,1.75,0.25\n2,0.5,0.75,,\n"
AZURE = (
    b"step,train_loss,train_mean_token_accuracy,validation_loss,validation_mean_token_accuracy,full_valid_loss,"
    b"full_valid_mean_token_accuracy\r\n10,0.25,0.9,0.5,0.8,0.75,0.7\r\n20,0.125,-1,-1,-1,-1,-1\r\n"
)


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.encodebytes], ids=["plain", "base64", "wrapped"])
def test_openai_files(encode: object) -> None:
    assert read_result_file(encode(OPENAI)) == [  # type: ignore[operator]
        Point(1, 1.5, 0.5, 1.75, 0.25), Point(2, 0.5, 0.75),
    ]  # fmt: skip


def test_azure_files() -> None:
    assert read_result_file(AZURE) == [Point(10, 0.25, 0.9, 0.5, 0.8, 0.75, 0.7), Point(20, 0.125)]


def test_a_byte_order_mark_and_steps_out_of_order() -> None:
    rows = read_result_file(b"\xef\xbb\xbfstep,train_loss\n2,0.5\n1.0,1.0\n")

    assert [point.step for point in rows] == [1, 2]


def test_a_loss_that_is_no_number_is_kept() -> None:
    (point,) = read_result_file(b"step,train_loss,train_accuracy\n1,nan,nan\n")

    assert point.train_loss is not None
    assert math.isnan(point.train_loss)
    assert point.train_accuracy is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n", "no column `step`"),
        (b"step,other\n1,2\n", "no column of a loss"),
        (b"step,train_loss\n1,high\n", "Line 2"),
        (b"step,train_loss\nx,1\n", "Line 2"),
        (b"\xff\xfe,", "not UTF-8"),
        (b"abc", "neither CSV nor base64"),
        (b"step,train_loss\n1," + b"9" * 65 + b"\n", "Line 2"),
        (b'step,train_loss\n1,"0.5" 3\n', "no CSV"),
    ],
)
def test_what_is_no_result_file_says_why(content: bytes, says: str) -> None:
    with pytest.raises(ResultFileError, match=says):
        read_result_file(content)


def test_points_of_events() -> None:
    data = {"step": 3, "train_loss": 0.5, "train_mean_token_accuracy": 1, "full_valid_loss": None, "other": 1}

    assert point_of(3, data) == Point(3, train_loss=0.5, train_accuracy=1.0)
