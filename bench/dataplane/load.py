"""wrk against one target, with the processor time that the target spent on it."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import cpu_seconds
from bench.dataplane.peers import Target
from bench.stack import MODEL

CONNECTIONS = 64
SCRIPT = Path(__file__).with_name("chat.lua")
BODY = json.dumps(
    {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You answer briefly and to the point."},
            {"role": "user", "content": "Summarise the following text. " + "lorem ipsum dolor sit amet " * 24},
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    }
)


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch of load on one target."""

    requests: int
    refused: int
    broken: int
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def need_wrk() -> str:
    """wrk's path. Exits with the remedy without it."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("bench.dataplane needs wrk: apt-get install wrk")
    return program


def run(
    target: Target, seconds: float, connections: int = CONNECTIONS, pause_ms: float = 0, model: str = MODEL
) -> Round:
    """Load `target` for `seconds`; every connection waits `pause_ms` before its next request."""
    command = [need_wrk(), "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s", "--latency"]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(SCRIPT), f"{target.url}/chat/completions"]
    body = BODY.replace(json.dumps(MODEL), json.dumps(model))
    before, began = cpu_seconds(target.pid), time.monotonic()
    output = subprocess.check_output(
        command, env=os.environ | {"BENCH_BODY": body, "BENCH_PAUSE_MS": str(pause_ms)}, text=True, timeout=seconds + 60
    )
    used, _elapsed = cpu_seconds(target.pid) - before, time.monotonic() - began
    found: dict[str, Any] = json.loads(output.split("RESULT ", 1)[1].splitlines()[0])
    requests = found["requests"]
    return Round(
        requests=requests,
        refused=found["refused"],
        broken=found["broken"],
        per_second=requests / found["seconds"],
        cpu_us=used / max(1, requests) * 1e6,
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
    )
