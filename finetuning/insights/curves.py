"""Points of a training curve, and the vendors' result files they come from."""

import base64
import binascii
import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields


class ResultFileError(ValueError):
    """These bytes are no result file; the message says why."""


@dataclass(frozen=True, slots=True)
class Point:
    """Losses in nats a token, accuracies as the vendor reports them, 0–1. None: not measured at this step.

    `valid_*` is of one batch, `full_valid_*` of the whole validation set.
    """

    step: int
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    full_valid_loss: float | None = None
    full_valid_accuracy: float | None = None

    @property
    def held_out(self) -> float | None:
        """The loss on rows that are not trained on: of the whole set where it was measured."""
        return self.valid_loss if self.full_valid_loss is None else self.full_valid_loss


COLUMNS = {
    "train_loss": "train_loss", "train_accuracy": "train_accuracy", "train_mean_token_accuracy": "train_accuracy",
    "valid_loss": "valid_loss", "validation_loss": "valid_loss",
    "valid_accuracy": "valid_accuracy", "valid_mean_token_accuracy": "valid_accuracy",
    "validation_mean_token_accuracy": "valid_accuracy",
    "full_valid_loss": "full_valid_loss", "full_validation_loss": "full_valid_loss",
    "full_valid_mean_token_accuracy": "full_valid_accuracy",
    "full_validation_mean_token_accuracy": "full_valid_accuracy",
}  # fmt: skip
"""Vendors' names → ours: OpenAI's files, its events, and Azure's files differ."""


def read_result_file(content: bytes) -> list[Point]:
    """The points of a vendor's CSV, plain or as base64 (OpenAI's files endpoint), in the order of their steps.

    Empty cells, -1 and NaN in accuracies are not measured; NaN and infinity in losses are kept, since they say that
    the run diverged. Raises ResultFileError.
    """
    text = _text(content)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if "step" not in header:
        raise ResultFileError("The file has no column `step`.")
    known = {header[name]: ours for name, ours in COLUMNS.items() if name in header}
    if not known:
        raise ResultFileError("The file has no column of a loss or an accuracy.")
    try:
        points = [_point(row, header["step"], known, number) for number, row in enumerate(rows, start=2)]
    except csv.Error as error:
        raise ResultFileError(f"The file is no CSV: {error}.") from error
    return sorted(points, key=lambda point: point.step)


def point_of(step: int, values: Mapping[str, object]) -> Point:
    """A point of what an event of a job says, under any of the vendors' names; what is not a number is left out."""
    found: dict[str, float | None] = {}
    for name, value in values.items():
        ours = COLUMNS.get(name)
        if ours is not None and isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(ours, _measured(ours, float(value)))
    return Point(step, **found)


LONGEST_NUMBER = 64  # characters
NAMES = tuple(field.name for field in fields(Point) if field.name != "step")


def _text(content: bytes) -> str:
    if b"," not in content[:4_096]:
        try:
            content = base64.b64decode(content, validate=False)
        except binascii.Error as error:
            raise ResultFileError("The file is neither CSV nor base64.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ResultFileError("The file is not UTF-8.") from error


def _point(row: Mapping[str, str | None], step: str, known: Mapping[str, str], line: int) -> Point:
    try:
        values = {ours: _measured(ours, _number(cell)) for name, ours in known.items() if (cell := row[name])}
        return Point(int(_number(row[step] or "")), **values)
    except (ValueError, OverflowError) as error:
        raise ResultFileError(f"Line {line} holds something that is no number.") from error


def _number(cell: str) -> float:
    """Digits without end are no measurement: Python would read them as infinity."""
    if len(cell) > LONGEST_NUMBER:
        raise ValueError(cell)
    return float(cell)


def _measured(name: str, value: float) -> float | None:
    if name.endswith("accuracy"):
        return value if math.isfinite(value) and 0 <= value <= 1 else None
    return None if value == -1 else value
