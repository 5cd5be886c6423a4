import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Record = dict[str, Any]
SYSTEM = "Answer in one word."


def chat(question: str, answer: str, system: str = SYSTEM) -> Record:
    instructions = [{"role": "system", "content": system}] if system else []
    return {
        "messages": [*instructions, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes records, or lines as they are, to a file of its own."""

    def write(rows: Iterable[Record | str | bytes], name: str = "train.jsonl") -> Path:
        path = tmp_path / name
        texts = [row if isinstance(row, str | bytes) else json.dumps(row) for row in rows]
        lines = [text if isinstance(text, bytes) else text.encode() for text in texts]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    return write


@pytest.fixture
def data(shared_dir: Path) -> Path:
    return shared_dir / "data" / "finetuning"
