"""How long a finished request takes to be in the figures: in the real-time answer, and in questions about Usage.

Calls are made one at a time through a gateway with nothing else to do; from the end of each the two endpoints are asked
until they have it. The open quarter-hour is rolled up every 20 seconds, so the second figure depends on when one came.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from bench import common
from bench.common import Report, quantile
from bench.dataplane import upstream
from bench.latency import Caller
from bench.stack import ORGANIZATION, Stack

EVERY_S = 0.1
PATIENCE_S = 120.0


class Api:
    """The management API as the administrator."""

    def __init__(self, url: str, password: str) -> None:
        self._url, self._token = f"{url}/api/v1/", ""
        self._token = self._answer("auth/token", {"username": "admin", "password": password})["access"]

    def newest(self) -> list[str]:
        """Ids of the newest requests in the real-time answer."""
        found = self._answer("admin/dashboard/realtime")
        return [item["request_id"] for item in found["recent_activity"]]

    def requests(self) -> int:
        """Requests of the last day, as Usage counts them."""
        now = datetime.now(UTC)
        window = {"start": (now - timedelta(days=1)).isoformat(), "end": (now + timedelta(minutes=15)).isoformat()}
        asked = {**window, "measures": ["requests"]}
        return int(self._answer("admin/analytics/query", asked)["totals"]["requests"])

    def _answer(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "X-Organization": ORGANIZATION}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self._url + path, data, headers), timeout=30) as response:
            answer: dict[str, Any] = json.loads(response.read())
        return answer


def run(options: argparse.Namespace) -> Report:
    report = Report("freshness", f"{options.calls} calls, one at a time, asked for every {EVERY_S * 1000:.0f} ms")
    with (
        tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name,
        upstream.start(Path(name)) as instant,
        Stack(instant.base_url) as stack,
    ):
        caller, api = Caller(f"{stack.url}/v1", stack.key), Api(stack.url, stack.admin_password)
        live, usage = zip(*(measure(caller, api) for _ in range(options.calls)), strict=True)
        caller.close()
    report.add("in the real-time answer, median", quantile(live, 0.5), "s")
    report.add("in the real-time answer, slowest", max(live), "s", at_most=5)
    report.add("in Usage, median", quantile(usage, 0.5), "s")
    report.add("in Usage, slowest", max(usage), "s", at_most=70)
    return report


def measure(caller: Caller, api: Api) -> tuple[float, float]:
    """Seconds from the end of a call until it is among the newest requests, and until it is counted."""
    newest, counted = set(api.newest()), api.requests()
    caller.call()
    ended = time.monotonic()
    live = _until(lambda: bool(set(api.newest()) - newest), ended)
    return live, _until(lambda: api.requests() > counted, ended)


def _until(condition: Callable[[], bool], since: float) -> float:
    while not condition():
        if time.monotonic() - since > PATIENCE_S:
            raise RuntimeError(f"not there after {PATIENCE_S:.0f} s")
        time.sleep(EVERY_S)
    return time.monotonic() - since


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.freshness", description=__doc__)
    parser.add_argument("--calls", type=int, default=8, help="calls (default %(default)s)")
    common.main("freshness", run, parser)
