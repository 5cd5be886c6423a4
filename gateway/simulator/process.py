"""A simulator as a child process, for tests and benchmarks."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

import orjson

from gateway.simulator.options import READY_PREFIX

_ROOT = Path(__file__).resolve().parents[2]


class SimulatorProcess:
    """Starts `python -m gateway.simulator` on a free port; a context manager that stops it.

    `url` is the root (`http://127.0.0.1:<port>`), `base_url` what an OpenAI client wants (`…/v1`), `log_path` the log
    file or `None`. Options are those of the command line: `SimulatorProcess(latency_ms=0, log=path, instant=True)`.
    Without options an answer has the catalogue's realistic delays. Raises `RuntimeError` when it does not start.
    """

    def __init__(self, *, port: int = 0, log: Path | str | None = None, **options: Any) -> None:
        self.log_path = Path(log).absolute() if log is not None else None
        arguments = [*_flags({"port": port, "log": self.log_path, **options})]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.simulator", "--until-eof", *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,  # closes with this process, however it ends
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(READY_PREFIX):
            raise RuntimeError(f"the simulator did not start (exit status {self._process.wait()})")
        self.url = line.removeprefix(READY_PREFIX).strip()
        self.base_url = f"{self.url}/v1"
        self.pid = self._process.pid

    def stop(self) -> None:
        """End the process and wait for it; harmless when it has ended."""
        self._process.terminate()
        self._wait()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._process.kill()
        self._wait()

    def _wait(self) -> None:
        self._process.wait(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def stats(self) -> dict[str, Any]:
        """`GET /_sim/stats`."""
        return self._call("stats")

    def configure(self, **changes: Any) -> dict[str, Any]:
        """`POST /_sim/config`; returns the configuration then in force."""
        return self._call("config", changes)

    def reset(self) -> None:
        """`POST /_sim/reset`."""
        self._call("reset", {})

    def records(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests with `seq` above `since`, oldest first."""
        records: list[dict[str, Any]] = self._call(f"log?since={since}")["records"]
        return records

    def wait_idle(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """Stats once nothing is in flight. Raises `TimeoutError` after `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while (stats := self.stats())["in_flight"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{stats['in_flight']} requests still in flight")
            time.sleep(0.005)
        return stats

    def log_lines(self) -> list[dict[str, Any]]:
        """Lines of the log file, oldest first."""
        assert self.log_path is not None, "started without a log file"
        return [orjson.loads(line) for line in self.log_path.read_bytes().splitlines()]

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        with urlopen(Request(f"{self.url}/_sim/{path}", data=data), timeout=10) as response:  # noqa: S310
            answer: dict[str, Any] = orjson.loads(response.read())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _flags(options: dict[str, Any]) -> list[str]:
    """`{"latency_ms": 0, "instant": True}` → `["--latency-ms=0", "--instant"]`; `None` and `False` are left out."""
    flags = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        flag = "--" + name.replace("_", "-")
        flags.append(flag if value is True else f"{flag}={value}")
    return flags
