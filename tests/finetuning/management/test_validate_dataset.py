"""The command, as a person and as a script use it."""

import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from finetuning.quality import KINDS
from tests.finetuning.conftest import chat
from tests.finetuning.quality.conftest import BASE


def run(capsys, *arguments):
    """(exit status, output)."""
    status = 0
    try:
        call_command("validate_dataset", *map(str, arguments))
    except SystemExit as end:
        status = int(end.code)
    return status, capsys.readouterr().out


def test_a_good_file(write, capsys):
    status, told = run(capsys, write(BASE))

    assert status == 0
    assert told.splitlines()[0].endswith("train.jsonl: 11 examples in 11 lines, method chat")
    assert "Score 100 of 100 (every part is clean)" in told
    assert told.splitlines()[-1] == "Nothing was found."


def test_a_bad_line_is_named_and_fails(write, capsys):
    status, told = run(capsys, write([*BASE, chat("who are you", " ")]))

    assert status == 1
    assert "error: empty_assistant (1): An empty answer." in told
    assert "  line 12, messages[2].content: The answer is empty." in told


def test_warnings_fail_when_asked(write, capsys):
    path = write([*BASE, BASE[0]])

    assert run(capsys, path)[0] == 0
    assert run(capsys, path, "--strict")[0] == 1


def test_json(write, capsys):
    path, validation = write([*BASE, BASE[0]]), write([BASE[2]], "valid.jsonl")

    status, told = run(capsys, path, "--validation", validation, "--json", "--epochs", 2, "--price-per-million", "5")

    report = json.loads(told)
    assert status == 1  # a validation file of one line
    assert [(one["file"], one["line"], one["kind"]) for one in report["findings"]] == [
        ("train", 12, "exact_dup"), ("validation", 1, "leak_exact"),
    ]  # fmt: skip
    assert set(report["counts"]) <= set(KINDS)
    assert Decimal(report["amount"]) == Decimal(report["tokens"]["billable"]) * 5 / 1_000_000
    assert report["validation"]["examples"] == 1


def test_a_mended_version(write, capsys, tmp_path):
    new = tmp_path / "new.jsonl"

    status, told = run(capsys, write([chat("who", " "), *BASE]), "--optimize", new)

    assert status == 0
    assert new.read_text().splitlines() == [json.dumps(row) for row in BASE]
    assert "1 lines left out, 0 changed." in told
    assert "  line 1: left out: empty_assistant" in told
    assert run(capsys, write(BASE), "--optimize", tmp_path / "other.jsonl", "--json")[0] == 0


@pytest.mark.parametrize("price", ["five", "-1", "NaN"])
def test_a_price_that_is_none(write, price):
    with pytest.raises(CommandError, match="not an amount of US dollars"):
        call_command("validate_dataset", str(write(BASE)), f"--price-per-million={price}")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match=r"none\.jsonl: No such file or directory"):
        call_command("validate_dataset", str(tmp_path / "none.jsonl"))


def test_a_version_over_another(write, tmp_path):
    path = write(BASE)

    with pytest.raises(CommandError, match="never written over another"):
        call_command("validate_dataset", str(path), "--optimize", str(path))
