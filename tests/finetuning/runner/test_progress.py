"""Reports in OpenAI's words and in those of trainers; the same told twice has the same key."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from finetuning.runner import NotProgress, read

EVENT = {
    "object": "fine_tuning.job.event", "id": "ftevent-1", "created_at": 1794909600, "level": "warn", "type": "metrics",
    "message": "Step 10", "data": {"step": 10, "train_loss": 0.5, "words": "x", "nan": float("nan")},
}  # fmt: skip


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def lines(*values: Any) -> bytes:
    return b"".join(body(value) + b"\n" for value in values)


def test_openais_event() -> None:
    (event,) = read(body(EVENT)).events

    assert (event.key, event.level, event.message) == ("id:ftevent-1", "warn", "Step 10")
    assert event.at == datetime.fromtimestamp(1794909600, UTC)
    assert event.data == {"step": 10, "train_loss": 0.5}


def test_lines_of_llama_factorys_log() -> None:
    found = read(
        lines(
            {"current_steps": 5, "total_steps": 10, "loss": 1.5, "lr": 2e-4, "epoch": 0.5, "percentage": 50.0},
            {"current_steps": 5, "total_steps": 10, "eval_loss": 1.25, "epoch": 0.5},
            {
                "current_steps": 10,
                "total_steps": 10,
                "epoch": 1.0,
                "percentage": 100.0,
            },  # the summary: nothing measured
        )
    )

    assert [(event.key, event.data) for event in found.events] == [
        ("step:5:train", {"step": 5, "train_loss": 1.5}),
        ("step:5:eval", {"step": 5, "full_valid_loss": 1.25}),
    ]
    assert (found.events[0].epoch, found.events[0].learning_rate) == (0.5, 2e-4)
    assert found.events[0].message == "Step 5: train loss 1.5000."


def test_a_log_history_of_transformers() -> None:
    found = read(
        body(
            {
                "log_history": [
                    {"loss": "0.9", "mean_token_accuracy": "0.7", "learning_rate": "1e-04", "epoch": 1, "step": 4},
                    {"eval_loss": 0.8, "eval_runtime": 1.0, "epoch": 1, "step": 4},
                    {"train_runtime": 9.0, "train_loss": 0.95, "epoch": 1, "step": 4},
                ]
            }
        )
    )

    assert [event.data for event in found.events] == [
        {"step": 4, "train_loss": 0.9, "train_mean_token_accuracy": 0.7},
        {"step": 4, "full_valid_loss": 0.8},
    ]


def test_what_is_told_of_the_job() -> None:
    found = read(
        body(
            {
                "status": "succeeded", "progress": 1.5, "trained_tokens": 1000, "fine_tuned_model": "m",
                "base_url": "https://gpu.example/v1", "error": {"message": "none"}, "events": [EVENT],
                "checkpoints": [{"step_number": 3, "fine_tuned_model_checkpoint": "out/3", "metrics": {"a": 1}}],
            }
        )
    )  # fmt: skip

    assert (found.status, found.progress, found.trained_tokens) == ("succeeded", 1.0, 1000)
    assert (found.model, found.base_url, found.error) == ("m", "https://gpu.example/v1", "none")
    assert [(one.step, one.name, one.metrics) for one in found.checkpoints] == [(3, "out/3", {"a": 1})]
    assert [event.key for event in found.events] == ["id:ftevent-1"]


def test_an_event_without_an_id_is_known_by_its_content() -> None:
    first, again, other = ({"message": text} for text in ("a", "a", "b"))
    keys = [event.key for event in read(body([first, again, other])).events]

    assert keys[0] == keys[1] != keys[2]


def test_a_single_line_and_a_list_are_the_same() -> None:
    assert read(lines(EVENT)) == read(body([EVENT])) == read(body(EVENT))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"", "empty"), (b"\xff", "UTF-8"), (b"{}\n{", "Line 2"), (b"[1]", "JSON object"), (b"{}", "told can be"),
        (body({"status": "flying"}), "status is one of"), (body({"events": 1}), "list of objects"),
        (body({"checkpoints": [{"metrics": {}}]}), "step_number"), (body({"message": ""}), "message, or data"),
        (body([{"message": "x"}] * 2001), "At most 2,000"), (b"[" * 100_000, "not JSON"),
    ],
    ids=["empty", "bytes", "line", "number", "nothing", "status", "events", "checkpoint", "event", "many", "deep"],
)  # fmt: skip
def test_what_says_nothing_is_refused(given: bytes, words: str) -> None:
    with pytest.raises(NotProgress, match=words):
        read(given)
