"""Plays the corpus to a driver: a program that reads a JSON line a vector and prints a JSON line of its outcome."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.sdkgen.conformance.corpus import command, differences, vectors
from tests.sdkgen.conformance.server import FaultServer


@dataclass
class Row:
    """One language's row of the matrix: vector → what differs."""

    language: str
    wrong: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0

    def __str__(self) -> str:
        return f"{self.language:<12} {self.count - len(self.wrong)} of {self.count} vectors pass"


def play(
    language: str, driver: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None,
    timeout_s: float = 300,
) -> Row:  # fmt: skip
    """Every vector in one process of the driver. Raises AssertionError when it ends early."""
    row = Row(language)
    found = vectors()
    with FaultServer() as server:
        played = {vector["id"]: server.play(vector["id"], vector["server"]) for vector in found}
        lines = "".join(json.dumps(command(vector, server.url(vector["id"]))) + "\n" for vector in found)
        done = subprocess.run(
            list(driver), input=lines, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        outcomes = {said["id"]: said for said in map(json.loads, done.stdout.splitlines())}
        assert done.returncode == 0, done.stderr
    for vector in found:
        row.count += 1
        identity = vector["id"]
        wrong = (
            differences(vector, outcomes[identity], played[identity].asked)
            if identity in outcomes
            else ["the driver printed nothing"]
        )
        if wrong:
            row.wrong[identity] = wrong
    return row
