"""Answers per second from the response cache: one question, 64 connections, and not one call to the upstream."""

import argparse
import tempfile
from pathlib import Path

from bench import common
from bench.common import Report
from bench.dataplane import load, upstream
from bench.dataplane.peers import Target
from bench.stack import ORGANIZATION, Stack

POLICY = (
    "from gateway.models import Organization; from gateway.services import cache; "
    f"cache.create_cache_policy(organization=Organization.objects.get(slug='{ORGANIZATION}'), actor=None)"
)


def run(options: argparse.Namespace) -> Report:
    load.need_wrk()
    report = Report("cache", f"{load.CONNECTIONS} connections, {options.seconds:g} s, one question")
    with (
        tempfile.TemporaryDirectory(prefix="llmgateway-bench-") as name,
        upstream.start(Path(name)) as instant,
        Stack(instant.base_url) as stack,
    ):
        report.setting += f", upstream {instant.name}"
        target = Target(
            "this gateway", f"{stack.url}/v1", {"Authorization": f"Bearer {stack.key}"}, stack.dataplane_pid
        )
        uncached = load.run(target, options.seconds)
        stack.manage("shell", "-c", POLICY)
        load.run(target, 3)  # the policy arrives within two seconds; the first question is kept
        stack.wait_idle()
        before = instant.served()
        cached = load.run(target, options.seconds)
        stack.wait_idle()
        asked = instant.served() - before - instant.own_requests
    report.add("cache hits/s", cached.per_second, "1/s", at_least=3_000)
    report.add("upstream calls meanwhile", asked, "", at_most=0)
    report.add("processor time per hit", cached.cpu_us, "µs")
    report.add("hits ÷ calls without the cache, per second", cached.per_second / uncached.per_second, "×")
    report.add("answers other than 2xx, broken connections", cached.refused + cached.broken, "", at_most=0)
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.cache", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of a round (default %(default)s)")
    common.main("cache", run, parser)
