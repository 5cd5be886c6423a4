"""`GET /metrics`: Prometheus' text format 0.0.4, every process of the host in one answer.

A scrape reaches any one process of a shared port. Each writes its own text to a file every few seconds, and whoever is
asked adds the others' files to what it knows itself; the label `process` tells them apart. Without `METRICS_TOKEN` only
this host is answered, for the figures say what is spent.
"""

import asyncio
import gzip
import hmac
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gateway.dataplane.metrics import Histogram, Key, Series, errors
from gateway.dataplane.protocols import Receive, Send

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
PUBLISH_S = 5.0
STALE_S = 30.0
SLICE = 50
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STARTED = time.time()


# ---- the text --------------------------------------------------------------------------------------------------------
def escaped(value: str) -> str:
    """A label's value."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def labels(**values: str) -> str:
    return ",".join(f'{name}="{escaped(value)}"' for name, value in values.items())


def head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def gauge(name: str, value: float, text: str) -> list[str]:
    return [*head(name, "gauge", text), f"{name} {value:.6f}" if isinstance(value, float) else f"{name} {int(value)}"]


def histogram(name: str, found: Histogram, text: str) -> Iterator[str]:
    """The samples of one histogram; `text` are its labels."""
    running = 0
    for bound, count in zip((*found.bounds, float("inf")), found.counts, strict=True):
        running += count
        upper = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield f'{name}_bucket{{{text},le="{upper}"}} {running}'
    yield f"{name}_sum{{{text}}} {found.total:.6f}"
    yield f"{name}_count{{{text}}} {running}"


def _of_key(key: Key) -> str:
    return labels(**key._asdict())


def _counter(name: str, text: str, value: Callable[[Series], Any], series: Mapping[Key, Series]) -> list[str]:
    found = [f"{name}{{{_of_key(key)}}} {value(one)}" for key, one in series.items() if value(one)]
    return head(name, "counter", text) + found


async def families(runtime: "Runtime") -> list[str]:
    """Every line of this process. Gives way to calls between parts: the text of many series takes milliseconds."""
    series, lines = dict(sorted(runtime.metrics.series.items())), []
    lines += _counter("gateway_requests_total", "Final outcomes of requests, denied ones too.", _requests, series)
    lines += _counter("gateway_attempts_total", "Tries at a provider.", _attempts, series)
    lines += _counter("gateway_unpriced_total", "Attempts whose price is unknown.", _unpriced, series)
    lines += head("gateway_cost_total", "counter", "Cost of priced attempts.")
    for key, one in series.items():
        text = _of_key(key)
        lines += [f'gateway_cost_total{{{text},currency="{unit}"}} {n:f}' for unit, n in sorted(one.costs.items())]
    lines += head("gateway_tokens_total", "counter", "Tokens of attempts; input and output include their parts.")
    for key, one in series.items():
        text = labels(provider=key.provider, model=key.model, endpoint=key.endpoint, status=key.status)
        lines += [f'gateway_tokens_total{{{text},type="{name}"}} {n}' for name, n in sorted(one.tokens.items())]
    for name, what, text in (
        ("gateway_attempt_duration_seconds", "duration", "Begin to end of an attempt."),
        ("gateway_time_to_first_token_seconds", "first_token", "Begin of an attempt to its first byte; streams."),
    ):
        lines += head(name, "histogram", text)
        for index, (key, one) in enumerate(series.items()):
            found: Histogram = getattr(one, what)
            if any(found.counts):
                lines += histogram(name, found, _of_key(key))
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
    await asyncio.sleep(0)
    return lines + _state(runtime) + _others(runtime) + _process()


def _requests(one: Series) -> int:
    return one.requests


def _attempts(one: Series) -> int:
    return one.attempts


def _unpriced(one: Series) -> int:
    return one.unpriced


def _state(runtime: "Runtime") -> list[str]:
    metrics, spool = runtime.metrics, runtime.spool
    lines = head("gateway_damaged_streams_total", "counter", "Streams that a provider broke with an event of no JSON.")
    lines += [
        f"gateway_damaged_streams_total{{{labels(provider=name)}}} {n}" for name, n in sorted(metrics.damaged.items())
    ]
    lines += head("gateway_denied_total", "counter", "Calls refused before any try, by error code.")
    lines += [f"gateway_denied_total{{{labels(code=code)}}} {n}" for code, n in sorted(metrics.denied.items())]
    lines += head("gateway_errors_total", "counter", "Calls that the gateway could not serve by a fault of its own.")
    lines += [f"gateway_errors_total{{{labels(code=code)}}} {n}" for code, n in sorted(errors.items())]
    lines += head("gateway_unauthenticated_total", "counter", "Calls without a valid key.")
    lines.append(f"gateway_unauthenticated_total {metrics.refused_total}")
    lines += gauge("gateway_active_requests", metrics.active, "Calls under way.")
    lines += gauge("gateway_spool_open_attempts", spool.open_attempts, "Attempts begun and not settled.")
    lines += gauge("gateway_spool_bytes", spool.retained_bytes, "Bytes of segments that are not booked yet.")
    lines += gauge("gateway_spool_writable", spool.is_writable, "1 while a new attempt may begin.")
    lines += gauge("gateway_snapshot_version", runtime.snapshot.version, "Version of the configuration in use.")
    age = "Seconds since the database confirmed the configuration."
    return lines + gauge("gateway_snapshot_age_seconds", runtime.snapshot_age(), age)


def _others(runtime: "Runtime") -> list[str]:
    lines = runtime.deployments.metrics()
    for service in runtime.services.values():
        lines += service.metrics()
    return lines + runtime.mounts.metrics()


def _process() -> list[str]:
    """Names of the Prometheus client libraries ("Writing client libraries", "Process metrics")."""
    times = os.times()
    lines = head("process_cpu_seconds_total", "counter", "User and system time.")
    lines.append(f"process_cpu_seconds_total {times.user + times.system:.2f}")
    lines += gauge("process_start_time_seconds", _STARTED, "Start of the process, Unix time.")
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
        lines += gauge("process_resident_memory_bytes", resident, "Resident memory.")
        lines += gauge("process_open_fds", len(os.listdir("/proc/self/fd")), "Open file descriptors.")
    except OSError:  # no /proc: macOS
        pass
    return lines


def labelled(line: str, process: str) -> str:
    """A sample with the label of its process; comments stay as they are."""
    if line.startswith("#"):
        return line
    name, brace, rest = line.partition("{")
    if brace and " " not in name:
        return f'{name}{{process="{process}",{rest}'
    name, _, value = line.partition(" ")
    return f'{name}{{process="{process}"}} {value}'


def merged(texts: Iterable[str]) -> str:
    """Texts of several processes as one: each family once, with the samples of all. Families keep their order."""
    comments: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for text in texts:
        known, name = frozenset(comments), ""
        for line in text.splitlines():
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                if name not in known:
                    comments.setdefault(name, []).append(line)
            elif line:
                samples.setdefault(name, []).append(line)
    return "".join(f"{line}\n" for name in comments for line in (*comments[name], *samples.get(name, ())))


# ---- the host's processes --------------------------------------------------------------------------------------------
class Publisher:
    """A service: writes this process's text where its siblings find it, and measures how late the event loop is."""

    name = "exposition"

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._folder: Path = settings.DATA_DIR / "run" / "metrics"
        self._path = self._folder / f"{runtime.id}.prom"
        self._task: asyncio.Task[None] | None = None
        self._lateness_s = 0.0

    async def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._publish())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._path.unlink(missing_ok=True)

    def report(self) -> dict[str, Any]:
        return {"loop_lag_s": round(self._lateness_s, 4)}

    def metrics(self) -> list[str]:
        return gauge(
            "gateway_event_loop_lag_seconds", self._lateness_s, "How late a timer of the event loop came last."
        )

    async def text(self) -> str:
        """This process's samples, labelled."""
        return "\n".join(labelled(line, self._runtime.id) for line in await families(self._runtime))

    async def _publish(self) -> None:
        while True:
            due = time.monotonic() + PUBLISH_S
            await asyncio.sleep(PUBLISH_S)
            self._lateness_s = max(0.0, time.monotonic() - due)
            text = await self.text()
            await asyncio.to_thread(self._write, text)

    def _write(self, text: str) -> None:
        """Whole or not at all; what has not been written to for long belongs to nobody any more."""
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(text)
            temporary.replace(self._path)
            for path in self._folder.glob("*.prom"):
                if time.time() - path.stat().st_mtime > 10 * STALE_S:
                    path.unlink(missing_ok=True)
        except OSError:  # a full disk: the scrape shows this process alone
            return

    def siblings(self) -> list[str]:
        """What the other processes of this host wrote last."""
        found = []
        for path in sorted(self._folder.glob("*.prom")):
            try:
                if path != self._path and time.time() - path.stat().st_mtime < STALE_S:
                    found.append(path.read_text())
            except OSError:
                continue
        return found


def may_scrape(authorization: str, address: str) -> bool:
    """With a token whoever has it, else this host alone."""
    token = settings.METRICS_TOKEN
    if token:
        return hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())
    return address in ("127.0.0.1", "::1", "::ffff:127.0.0.1")


REFUSAL = "Set METRICS_TOKEN and send it as 'Authorization: Bearer …': without it only this host may read metrics.\n"


class Exposition:
    """The handler of `/metrics`."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    def metrics(self) -> list[str]:
        return []

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").decode("latin-1")
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"")
        elif not may_scrape(given, (scope.get("client") or ("", 0))[0]):
            await _answer(send, 403, REFUSAL.encode())
        else:
            publisher: Any = self._runtime.services[Publisher.name]
            own = await publisher.text()
            others = await asyncio.to_thread(publisher.siblings)
            body = merged([own, *others]).encode()
            more = [(b"vary", b"accept-encoding")]
            if b"gzip" in headers.get(b"accept-encoding", b""):
                body = await asyncio.to_thread(gzip.compress, body, 1)
                more.append((b"content-encoding", b"gzip"))
            await _answer(send, 200, body, *more)


async def _answer(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", CONTENT_TYPE), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
