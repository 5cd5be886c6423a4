"""The nine scenarios and their lines."""

from pathlib import Path

import orjson
import pytest

from finetuning.choices import Backend
from finetuning.estimates import Method
from finetuning.quality import inspect
from finetuning.scenarios import SCENARIOS, Scenario, sample_of, scenario_of

NAMES = [
    "classification", "extraction", "tone", "tool-calling", "summarisation", "preference", "graded-reasoning",
    "distillation", "migration",
]  # fmt: skip


def test_there_are_nine() -> None:
    assert [one.id for one in SCENARIOS] == NAMES
    assert scenario_of("tone") is SCENARIOS[2]
    assert scenario_of("poetry") is None


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_its_ten_lines_are_a_good_file(scenario: Scenario, tmp_path: Path) -> None:
    lines = sample_of(scenario.id)
    path = tmp_path / "sample.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(line) for line in lines))

    report = inspect(path)

    assert len(lines) == 10
    assert report.counts == {}
    assert report.method == scenario.format


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_its_candidates_are_backends_of_ours(scenario: Scenario) -> None:
    assert {one.backend for one in scenario.candidates} <= set(Backend.values)
    assert scenario.rows[0] < scenario.rows[1]
    assert scenario.checks


def test_graders_are_offered_only_where_they_are_taken() -> None:
    graded = [one for one in SCENARIOS if one.method is Method.REINFORCEMENT]

    assert [(one.id, [each.backend for each in one.candidates]) for one in graded] == [
        ("graded-reasoning", ["runner", "azure"])
    ]
