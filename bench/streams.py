"""Streams through the gateway: forwarded as they arrive, little later than direct, and 300 at once in one process.

The simulated provider stamps every chunk with the moment it is sent (`sim_sent_at`, the machine's monotonic clock).
"""

import argparse
import asyncio
from itertools import pairwise

import uvloop

from bench import common
from bench.common import LOAD_CORE, Report, pin, quantile, rss_mb
from bench.sse import Answer, stream
from bench.stack import Stack
from gateway.simulator.process import SimulatorProcess

WORKERS, CHUNKS, PACE_MS = 16, 50, 5
PACED, SLOW = f"sim-paced-{CHUNKS}x{PACE_MS}", "sim-paced-50x100"
MANY, MANY_PACE_MS = 300, 100
STALL_MS = 1_000.0


def run(options: argparse.Namespace) -> Report:
    setting = f"{WORKERS} × {CHUNKS} chunks, {PACE_MS} ms apart, {options.rounds} rounds each way; then {MANY} at once"
    report = Report("streams", setting)
    with SimulatorProcess() as simulator, Stack(simulator.base_url, models=(PACED, SLOW)) as stack:
        pin(simulator.pid, LOAD_CORE)
        uvloop.run(_run(report, simulator.base_url, stack, options.rounds))
    return report


async def _run(report: Report, upstream: str, stack: Stack, rounds: int) -> None:
    ours = f"{stack.url}/v1"
    direct: list[Answer] = []
    through: list[Answer] = []
    await _sixteen(ours, stack.key, PACED)  # warm
    for _ in range(rounds):
        direct += await _sixteen(upstream, "sk-bench", PACED)
        through += await _sixteen(ours, stack.key, PACED)
    _pass_through(report, direct, through)
    await _three_hundred(report, ours, stack)


async def _sixteen(base_url: str, key: str, model: str) -> list[Answer]:
    """Sixteen streams that run at the same time, begun evenly over the time that one lasts."""

    async def one(number: int) -> Answer:
        await asyncio.sleep(number * CHUNKS * PACE_MS / 1000 / WORKERS)
        return await stream(base_url, key, model)

    return await asyncio.gather(*(one(number) for number in range(WORKERS)))


def _pass_through(report: Report, direct: list[Answer], through: list[Answer]) -> None:
    chunks = [chunk for answer in through for chunk in answer.chunks]
    late_first = sum(answer.chunks[0].arrived_ns >= answer.chunks[1].sent_ns for answer in through)
    late = sum(now.arrived_ns >= later.sent_ns for answer in through for now, later in pairwise(answer.chunks))
    incomplete = sum(not answer.complete or len(answer.chunks) != CHUNKS for answer in through)
    ttft_direct, ttft = ([answer.ttft_ms for answer in answers] for answers in (direct, through))
    report.add("streams through the gateway", len(through), "")
    report.add("incomplete", incomplete, "", at_most=0)
    report.add("first chunk here only after the second was sent", late_first, "streams", at_most=0)
    report.add("any chunk here only after its successor was sent", late / len(chunks) * 100, "% of chunks")
    report.add("way of a chunk, direct p50", quantile([c.delay_ms for a in direct for c in a.chunks], 0.5), "ms")
    report.add("way of a chunk, through the gateway p50", quantile([c.delay_ms for c in chunks], 0.5), "ms")
    report.add("way of a chunk, through the gateway p99", quantile([c.delay_ms for c in chunks], 0.99), "ms")
    report.add("time to first token, direct p50", quantile(ttft_direct, 0.5), "ms")
    report.add("time to first token, through the gateway p50", quantile(ttft, 0.5), "ms")
    report.add("added time to first token p50", quantile(ttft, 0.5) - quantile(ttft_direct, 0.5), "ms", at_most=2.0)


async def _three_hundred(report: Report, base_url: str, stack: Stack) -> None:
    """All at once for five seconds; a stall is a silence far beyond the provider's own pace."""
    pid = stack.dataplane_pid
    before, peak = rss_mb(pid), 0.0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, rss_mb(pid))
            await asyncio.sleep(0.1)

    watcher = asyncio.create_task(watch())
    answers = await asyncio.gather(*(stream(base_url, stack.key, SLOW) for _ in range(MANY)))
    watcher.cancel()
    longest = max(answer.longest_gap_ms for answer in answers)
    incomplete = sum(not answer.complete for answer in answers)
    report.add(f"{MANY} streams, {MANY_PACE_MS} ms apart: incomplete", incomplete, "", at_most=0)
    report.add(f"{MANY} streams: longest silence", longest, "ms", at_most=STALL_MS)
    delays = [chunk.delay_ms for answer in answers for chunk in answer.chunks]
    report.add(f"{MANY} streams: way of a chunk p99", quantile(delays, 0.99), "ms")
    report.add(f"{MANY} streams: resident memory before", before, "MB")
    report.add(f"{MANY} streams: resident memory, highest", peak, "MB", at_most=400)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds of sixteen each way (default %(default)s)")
    common.main("streams", run, parser)
