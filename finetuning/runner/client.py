#!/usr/bin/env python3
"""Runs a training command and tells the gateway how it goes. Needs nothing but Python 3.9.

    export GATEWAY_URL=https://gateway.example GATEWAY_JOB_ID=… GATEWAY_JOB_TOKEN=…
    python gateway_runner.py run -- COMMAND…                     # train; tell losses, checkpoints and failures
    python gateway_runner.py done --model NAME [--base-url URL]  # where the result answers, once it is served
    python gateway_runner.py send FILE                           # a log: trainer_log.jsonl, trainer_state.json

Cancelling the job in the gateway ends the command.
"""

from __future__ import annotations

import argparse
import ast
import glob
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

LOGGED = re.compile(r"\{'[^{}]*'\s*:[^{}]*\}")
AT_ONCE = 500


def say(text: str) -> None:
    sys.stderr.write(f"gateway_runner: {text}\n")


class Gateway:
    """What has not arrived is sent again with the next; what arrives twice is the same to the gateway."""

    def __init__(self) -> None:
        base = os.environ["GATEWAY_URL"].rstrip("/")
        if not base.startswith(("https://", "http://")):
            sys.exit("gateway_runner: GATEWAY_URL must begin with https:// or http://")
        self.url = f"{base}/api/v1/fine-tuning/jobs/{os.environ['GATEWAY_JOB_ID']}/events"
        self.token = os.environ["GATEWAY_JOB_TOKEN"]
        self.waiting: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.is_cancelled = False

    def add(self, rows: list[dict[str, Any]]) -> None:
        with self.lock:
            self.waiting.extend(rows)

    def tell(self, **fields: Any) -> bool:
        """Send a part of what waits with `fields`; False when it did not arrive."""
        with self.lock:
            rows = self.waiting[:AT_ONCE]
            try:
                self._post({"log_history": rows, **fields})
            except OSError as error:
                say(f"not told: {error}")
                return False
            del self.waiting[: len(rows)]
            return True

    def finish(self, pause_s: float = 5.0, **fields: Any) -> None:
        """Send all that waits, and `fields` with the last of it, however long the gateway is away."""
        while True:
            is_last = len(self.waiting) <= AT_ONCE
            if not self.tell(**(fields if is_last else {})):
                time.sleep(pause_s)
            elif is_last:
                return

    def _post(self, body: dict[str, Any]) -> None:
        request = urllib.request.Request(self.url, json.dumps(body).encode(), method="POST")  # noqa: S310  (checked)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                self.is_cancelled = bool(json.load(answer).get("cancel_requested"))
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                sys.exit("gateway_runner: refused: " + error.read().decode("utf-8", "replace"))
            raise


class Screen:
    """A trainer prints a dictionary at each logging, without the step: the n-th with a loss is of the n-th logging."""

    def __init__(self, logging_steps: int) -> None:
        self.logging_steps, self.logged = logging_steps, 0

    def rows(self, line: str) -> list[dict[str, Any]]:
        found = []
        for text in LOGGED.findall(line):
            try:
                row = ast.literal_eval(text)
            except (ValueError, SyntaxError):
                continue
            self.logged += "loss" in row
            if "loss" in row or "eval_loss" in row:
                found.append({**row, "step": self.logged * self.logging_steps})
        return found


def rows_of(path: str) -> list[dict[str, Any]]:
    """Rows of a trainer's own log, whichever it is."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".json"):
        return list(json.loads(text).get("log_history", []))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def written(output: str) -> list[str]:
    """The log that the trainer keeps, which numbers its steps: it stands above what was read from the screen."""
    logs = glob.glob(os.path.join(output, "trainer_log.jsonl"))
    states = glob.glob(os.path.join(output, "checkpoint-*", "trainer_state.json"))
    states += glob.glob(os.path.join(output, "trainer_state.json"))
    return logs or sorted(states, key=os.path.getmtime)[-1:]


def checkpoints(output: str) -> list[dict[str, Any]]:
    paths = glob.glob(os.path.join(output, "checkpoint-*"))
    numbered = sorted((int(path.rpartition("-")[2]), path) for path in paths if path.rpartition("-")[2].isdigit())
    return [{"step_number": step, "fine_tuned_model_checkpoint": path} for step, path in numbered]


def run(command: list[str], output: str, logging_steps: int, every_s: float) -> int:
    gateway, screen = Gateway(), Screen(logging_steps)
    gateway.tell(status="running")
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def report() -> None:
        while child.poll() is None:
            time.sleep(every_s)
            gateway.tell(status="running")
            if gateway.is_cancelled:
                child.terminate()

    threading.Thread(target=report, daemon=True).start()
    tail: list[str] = []
    for line in child.stdout or ():
        sys.stdout.write(line)
        tail = [*tail, line][-20:]
        gateway.add(screen.rows(line))
    code = child.wait()
    for path in written(output):
        gateway.add(rows_of(path))
    if gateway.is_cancelled:
        gateway.finish(status="cancelled")
    elif code:
        gateway.finish(status="failed", error={"message": f"The command ended with {code}. {''.join(tail)}"})
    else:
        gateway.finish(status="running", progress=1.0, checkpoints=checkpoints(output))
        say("trained. Serve it, then: python gateway_runner.py done --model NAME --base-url URL")
    return code if code >= 0 else 128 - code  # ended by a signal: as shells tell it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("--output", default="output", help="the trainer's output folder")
    runs.add_argument("--logging-steps", type=int, default=1)
    runs.add_argument("--every", type=float, default=10.0, help="seconds between two reports")
    runs.add_argument("command", nargs=argparse.REMAINDER)
    done = verbs.add_parser("done")
    done.add_argument("--model", required=True)
    done.add_argument("--base-url", default="")
    verbs.add_parser("send").add_argument("file")
    asked = parser.parse_args()
    if asked.verb == "run":
        command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
        sys.exit(run(command, asked.output, asked.logging_steps, asked.every))
    gateway = Gateway()
    if asked.verb == "send":
        gateway.add(rows_of(asked.file))
        gateway.finish(status="running")
    else:
        gateway.finish(status="succeeded", fine_tuned_model=asked.model, base_url=asked.base_url)


if __name__ == "__main__":
    main()
