"""Time that the gateway adds to a call at one connection: the same request direct and through it, in turn."""

import argparse
import json
import socket
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench import common
from bench.common import Report, quantile
from bench.dataplane import upstream
from bench.dataplane.load import BODY
from bench.stack import Stack

WARM_UP = 200


class Caller:
    """One kept-alive connection; a blocking socket, so that the client's own time is small and the same for both."""

    def __init__(self, base_url: str, key: str) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = BODY.encode()
        self._request = (
            f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body

    def call(self) -> tuple[float, bytes]:
        """Milliseconds from the first byte sent to the last byte received, and the body. Raises on a status but 200."""
        began = time.perf_counter_ns()
        self._socket.sendall(self._request)
        data = self._socket.recv(65_536)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._socket.recv(65_536)
        head = data[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(data) < end + 4 + length:
            data += self._socket.recv(65_536)
        took = (time.perf_counter_ns() - began) / 1e6
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(data[:500].decode("latin-1"))
        return took, data[end + 4 :]

    def close(self) -> None:
        self._socket.close()


def run(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name, upstream.start(Path(name)) as instant:
        setting = f"1 connection, {options.requests:,} requests each way in turn, upstream {instant.name}"
        report = Report("latency", setting)
        with Stack(instant.base_url) as stack:
            direct, through = measure(instant.base_url, stack, options.requests)
    report.add("direct p50", quantile(direct, 0.50), "ms")
    report.add("direct p99", quantile(direct, 0.99), "ms")
    report.add("through the gateway p50", quantile(through, 0.50), "ms")
    report.add("through the gateway p99", quantile(through, 0.99), "ms")
    report.add("added p50", quantile(through, 0.50) - quantile(direct, 0.50), "ms", at_most=1.0)
    report.add("added p99", quantile(through, 0.99) - quantile(direct, 0.99), "ms", at_most=6.0)
    return report


def measure(upstream_url: str, stack: Stack, count: int) -> tuple[list[float], list[float]]:
    """Times in ms of `count` direct calls and `count` calls through the gateway."""
    direct, through = Caller(upstream_url, "sk-bench"), Caller(f"{stack.url}/v1", stack.key)
    for caller in (direct, through):
        for _ in range(WARM_UP):
            _, body = caller.call()
        assert json.loads(body)["object"] == "chat.completion"
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(count):
        order = ((direct, times[0]), (through, times[1]))
        for caller, kept in order if number % 2 else reversed(order):
            kept.append(caller.call()[0])
    direct.close()
    through.close()
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000, help="requests each way (default %(default)s)")
    common.main("latency", run, parser)
