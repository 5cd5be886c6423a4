"""A ledger of any size for benchmarks: one organization, 30 keys × 10 models × 5 teams, loaded by COPY."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import psycopg

from gateway.ledger.ids import ledger_shard, ms_of, time_text
from gateway.ledger.partitions import ensure_partitions
from gateway.ledger.schema import DEFAULTS

ORGANIZATION = UUID(int=1)
DAYS, TEAMS, KEYS = 90, 5, 30
MODELS = (
    "gpt-4o", "gpt-4o-mini", "gpt-4.1", "o4-mini", "claude-opus-4", "claude-sonnet-4", "claude-haiku-4",
    "gemini-2.5-pro", "gemini-2.5-flash", "llama-4-70b",
)  # fmt: skip
PROVIDERS = ("openai", "openai", "openai", "openai", "anthropic", "anthropic", "anthropic", "google", "google", "vllm")
TEMPLATES = 20_000
BATCH = 2_000
_TAIL = (
    "ledger_shard", "organization", "project", "team", "api_key", "user", "provider", "model_requested", "model_served",
    "status", "http_status", "error_type", "duration_ms", "ttft_ms", "output_ms", "input_tokens", "cache_read_tokens",
    "output_tokens", "is_stream", "sdk", "cost", "list_cost", "charges", "kind", "endpoint", "usage_source",
    "price_status", "request_count", "is_final", "origin", "currency",
)  # fmt: skip


def first_day(days: int = DAYS) -> datetime:
    """So many whole UTC days end yesterday."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def load(url: str, lines: int, days: int = DAYS) -> None:
    """`lines` evenly over the days, in the order of time; then VACUUM ANALYZE, as autovacuum leaves a table."""
    start = first_day(days)
    zero = {name: DEFAULTS[name] for name in _zeros()}
    columns = ", ".join(f'"{name}"' for name in ("id", "request_id", "started_at", "booked_at", *_TAIL, *zero))
    end = "\t".join(["", *map(str, zero.values())]) + "\n"
    with psycopg.connect(url, autocommit=True) as connection:
        ensure_partitions(connection, [start + timedelta(days=day) for day in range(days)])
        with connection.cursor() as cursor, cursor.copy(f"COPY gateway_ledgerline ({columns}) FROM STDIN") as copy:
            for block in _blocks(start, lines, days, end):
                copy.write(block)
        connection.execute("VACUUM ANALYZE gateway_ledgerline")


def _zeros() -> list[str]:
    return [name for name, value in DEFAULTS.items() if value == 0 and value is not False and name not in _TAIL]


def _blocks(start: datetime, lines: int, days: int, end: str) -> Iterator[str]:
    rng = random.Random(7)
    tails = ["\t".join(_template(rng)) + end for _ in range(TEMPLATES)]
    first, span = ms_of(start), days * 86_400_000
    for low in range(0, lines, BATCH):
        rows = []
        for number in range(low, min(lines, low + BATCH)):
            ms = first + span * number // lines
            head, at = f"{ms:012x}", time_text(ms)
            rows.append(
                f"{head[:8]}-{head[8:]}-7000-8000-{number:012x}\treq_{number:x}\t{at}\t{at}\t"
                f"{tails[number * 7919 % TEMPLATES]}"
            )
        yield "".join(rows)


def _template(rng: random.Random) -> list[str]:
    key, model = rng.randrange(KEYS), rng.randrange(len(MODELS))
    team = UUID(int=100 + key % TEAMS)
    project, owner = UUID(int=200 + key % (2 * TEAMS)), UUID(int=300 + key % 12)
    failed = rng.random() < 0.02
    tokens, answer = rng.randint(50, 4000), 0 if failed else rng.randint(5, 900)
    duration = round(rng.lognormvariate(7, 0.6), 3)
    costs = [f"{tokens * 25 / 1e7:.10f}", f"{answer * 1e-5:.10f}"]
    total = f"{float(costs[0]) + float(costs[1]):.10f}"
    charges = [
        {"meter": meter, "rate_id": f"book/{MODELS[model]}/{meter}", "quantity": str(quantity), "unit_price": price,
         "cost": cost, "currency": "USD"}
        for meter, quantity, price, cost in zip(
            ("input", "output"), (tokens, answer), ("0.0000025", "0.00001"), costs, strict=True)
    ]  # fmt: skip
    streamed = rng.random() < 0.5 and not failed
    return [
        str(ledger_shard(str(ORGANIZATION), str(project))), str(ORGANIZATION), str(project), str(team),
        str(UUID(int=400 + key)), str(owner), PROVIDERS[model], MODELS[model], MODELS[model],
        "upstream_error" if failed else "ok", "503" if failed else "200", "upstream_503" if failed else "\\N",
        str(duration), str(round(duration / 5, 3)) if streamed else "\\N", str(round(duration * 0.8, 3)), str(tokens),
        str(tokens // 4), str(answer), "t" if streamed else "f", "openai-python/2.8.0", total, total,
        orjson.dumps(charges).decode(), "attempt", "chat/completions", "reported", "priced", "1", "t", "gateway", "USD",
    ]  # fmt: skip
