"""Lines per second that the ledger writer moves from a spool into PostgreSQL, durable settings as shipped.

One writer process, one spool, lines as the data plane settles them: begun and settled, priced, with fingerprints.
"""

import argparse
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

import orjson
import psutil
import psycopg

from bench import common
from bench.common import Report
from bench.stack import Database, database
from gateway.ledger.ids import uuid7
from gateway.ledger.spool import Spool
from gateway.ledger.writer import Writer, tune_interpreter

PRICES = (("input_tokens", "0.15"), ("cache_read_tokens", "0.075"), ("output_tokens", "0.6"))
MODELS = ("gpt-4o-mini", "gpt-4o", "o4-mini", "gpt-4.1")
SPAN_MS = 60_000


@dataclass(frozen=True, slots=True)
class Round:
    """One spool filled and drained. Seconds: `filled` and `wall` of the clock, the others of processors."""

    filled: float
    wall: float
    writer_cpu: float
    server_cpu: float


def run(options: argparse.Namespace) -> Report:
    with database() as server:
        _set_up(server.env)
        rounds = [_round(server, options.lines) for _ in range(options.rounds)]
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT count(*) FROM gateway_ledgerline").fetchone()
    assert row is not None
    lines, speeds = options.lines, [options.lines / each.wall for each in rounds]
    setting = f"{options.rounds} spools of {lines:,} lines, fsync and synchronous_commit on"
    report = Report("writer", setting)
    filled = median(each.filled for each in rounds)
    report.add("spool: begin and settle frames appended, median", lines / filled, "lines/s")
    report.add("ledger writer, median", median(speeds), "lines/s", at_least=20_000)
    report.add("ledger writer, fastest round", max(speeds), "lines/s")
    for name, cpu in (
        ("writer", [each.writer_cpu / lines * 1e6 for each in rounds]),
        ("PostgreSQL", [each.server_cpu / lines * 1e6 for each in rounds]),
    ):
        report.add(f"processor time, {name}: least", min(cpu), "µs/line")
        report.add(f"processor time, {name}: median", median(cpu), "µs/line")
    report.add("lines lost, doubled or quarantined", abs(row[0] - lines * options.rounds), "", at_most=0)
    return report


def _set_up(env: Mapping[str, str]) -> None:
    """What `manage.py write_ledger` has: the settings name what else is booked with the lines."""
    os.environ.update(env)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


def _fill(spool: Spool, lines: int) -> None:
    """Begin and settle `lines` attempts of the last minute; the spool rolls its segments over as it does in service."""
    rng = random.Random(7)
    keys = [_key(rng) for _ in range(40)]
    now = time.time_ns() // 1_000_000
    for number in range(lines):
        ms = now - SPAN_MS + number * SPAN_MS // lines
        identity = str(uuid7(ms, rng.getrandbits(74)))
        line = _line(identity, ms, rng, keys[number % len(keys)])
        begun = {name: line[name] for name in _BEGIN_COLUMNS} | _ESTIMATE
        while not spool.is_writable:
            time.sleep(0.001)
        spool.begin(identity, orjson.dumps(begun))
        spool.settle(identity, orjson.dumps(line))


def _key(rng: random.Random) -> dict[str, str]:
    names = ("organization", "team", "project", "api_key")
    fixed = {"organization": UUID(int=rng.randrange(4) + 1)}
    return {name: str(fixed.get(name) or UUID(int=rng.getrandbits(128))) for name in names}


_BEGIN_COLUMNS = (
    "request_id", "organization", "team", "project", "api_key", "endpoint", "is_stream", "model_requested",
    "max_tokens", "message_count", "sdk", "client_ip_hash", "tag_set", "kind", "provider", "model_served",
)  # fmt: skip
_ESTIMATE = {
    "estimate": {"input_tokens": 160, "output_tokens": 250},
    "pricing": {"price_list": "openai", "model": "gpt-4o-mini"},
}


def _line(identity: str, ms: int, rng: random.Random, key: dict[str, str]) -> dict[str, Any]:
    """A settled line with the columns that `gateway.dataplane.settle` writes."""
    model, tokens = rng.choice(MODELS), {"input_tokens": rng.randint(50, 4000), "output_tokens": rng.randint(5, 900)}
    tokens["cache_read_tokens"] = tokens["input_tokens"] // 4
    charges = [_charge(meter, price, tokens[meter], model) for meter, price in PRICES]
    cost = format(sum(Decimal(charge["cost"]) for charge in charges), "f")
    duration = rng.lognormvariate(7, 0.5)
    return {
        **key, **tokens, "id": identity, "request_id": f"req_{uuid7(ms, rng.getrandbits(74)).hex}", "kind": "attempt",
        "endpoint": "/v1/chat/completions", "is_stream": rng.random() < 0.5, "model_requested": model,
        "model_served": model, "provider": "openai", "max_tokens": 1024, "message_count": 2,
        "sdk": "openai-python/2.8.0", "client_ip_hash": rng.randbytes(32).hex(), "tag_set": {"feature": "search"},
        "is_final": True, "status": "ok", "http_status": 200, "usage_source": "reported",
        "duration_ms": round(duration, 3), "ttft_ms": round(duration / 5, 3), "output_ms": round(duration * 0.8, 3),
        "finish_reason": "stop", "service_tier_served": "default", "charges": charges, "cost": cost, "list_cost": cost,
        "currency": "USD", "price_status": "priced", "request_hmac": rng.randbytes(32).hex(),
    }  # fmt: skip


def _charge(meter: str, price: str, quantity: int, model: str) -> dict[str, str]:
    cost = Decimal(price) * quantity / 1_000_000
    return {
        "meter": meter.removesuffix("_tokens"), "rate_id": f"genai-prices/openai/{model}/2024-07-18", "currency": "USD",
        "quantity": str(quantity), "unit_price": price, "cost": format(cost, "f"),
    }  # fmt: skip


def _round(server: Database, lines: int) -> Round:
    """Fill a spool, then run the shipped writer in this process until every line is booked."""
    root = server.directory / "spool"
    root.mkdir(exist_ok=True)
    began = time.monotonic()
    spool = Spool(root, str(uuid7()))
    _fill(spool, lines)
    filled = time.monotonic() - began
    spool.close()
    tune_interpreter()
    writer = Writer(root, server.url, _no_price)
    backend = psutil.Process(writer.connect().info.backend_pid)
    server_cpu, writer_cpu, began = sum(backend.cpu_times()[:2]), time.process_time(), time.monotonic()
    while next(root.iterdir(), None) is not None:
        writer.run_once()
    wall, writer_cpu = time.monotonic() - began, time.process_time() - writer_cpu
    return Round(filled, wall, writer_cpu, sum(backend.cpu_times()[:2]) - server_cpu)


def _no_price(line: Any, begun: Any) -> dict[str, Any]:
    raise AssertionError("no attempt was interrupted")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.writer", description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000, help="lines of a spool (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="spools, one after the other (default %(default)s)")
    common.main("writer", run, parser)
