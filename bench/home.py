"""Pages of the console on the demo organization: time in the server, and database queries."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench import common
from bench.common import ROOT, Report, quantile
from bench.stack import database, manage

if TYPE_CHECKING:
    from django.test import Client

PAGE = "/admin/?organization=demo&range="
OTHERS = {
    "usage/?organization=demo&range=90d": "Usage, cost by model, 90 days",
    "usage/?organization=demo&range=90d&by=api_key": "Usage, cost by key, 90 days",
    "usage/?organization=demo&range=90d&measure=latency_p95": "Usage, p95 latency by model, 90 days",
    "performance/?organization=demo&range=7d": "Performance, 7 days",
    "performance/?organization=demo&range=90d": "Performance, 90 days",
}
RANGES = {"7d": "the last 7 days (the page's default)", "30d": "the last 30 days", "90d": "all 90 days"}


def run(options: argparse.Namespace) -> Report:
    """Seed the demo organization (rollups included), then ask for the page in a process that does nothing else."""
    report = Report("home", f"demo organization, {options.days} days, Django's whole stack in process, nothing cached")
    with database() as server:
        began = time.monotonic()
        seeded = json.loads(manage(server.env, "seed_demo", "--days", str(options.days), "--seed", "7", "--json"))
        seeding = time.monotonic() - began
        manage(server.env, "collectstatic", "--noinput", "--verbosity=0")
        command = [sys.executable, "-m", "bench.home", "--ask", str(options.requests)]
        done = subprocess.run(command, cwd=ROOT, env=dict(server.env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    asked = json.loads(done.stdout.splitlines()[-1])
    report.add("ledger lines of the demo organization", seeded["added_lines"], "", at_least=400_000)
    report.add("seeding them", seeding, "s", at_most=60)
    for key, words in RANGES.items():
        times = asked[key]["ms"]
        report.add(f"{words}: server time, median", statistics.median(times), "ms", at_most=150)
        report.add(f"{words}: server time, 95th percentile", quantile(times, 0.95), "ms")
        report.add(f"{words}: processor time of the console, median", statistics.median(asked[key]["cpu_ms"]), "ms")
        report.add(f"{words}: queries", asked[key]["queries"], "", at_most=15)
    for key, words in OTHERS.items():
        times = asked[key]["ms"]
        report.add(f"{words}: server time, median", statistics.median(times), "ms", at_most=200)
        report.add(f"{words}: processor time of the console, median", statistics.median(asked[key]["cpu_ms"]), "ms")
        report.add(f"{words}: queries", asked[key]["queries"], "", at_most=20)
    report.add("first request of the process", asked["first_ms"], "ms")
    return report


def ask(requests: int) -> None:
    """The child: print as JSON, by range, times in ms and the number of queries. Every page is computed anew: what
    the console keeps (answers for 30 s, chart colours) is thrown away before each."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from gateway.models import User

    client = Client()
    client.force_login(User.objects.create_superuser(username="bench", password="x"))
    addresses = {key: PAGE + key for key in RANGES} | {key: f"/admin/{key}" for key in OTHERS}
    found: dict[str, Any] = {"first_ms": timed(client, addresses["90d"])[0]}
    for key, address in addresses.items():
        times = [timed(client, address) for _ in range(requests)]
        forget()
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        found[key] = {"ms": [ms for ms, _ in times], "cpu_ms": [cpu for _, cpu in times], "queries": len(captured)}
    print(json.dumps(found))


def forget() -> None:
    """Nothing computed before is used again."""
    from django.core.cache import cache

    from analytics import cache as results

    cache.clear()
    results.clear()


def timed(client: "Client", address: str) -> tuple[float, float]:
    """Ask for the page once: wall and processor time of this process in ms."""
    forget()
    began, worked = time.perf_counter(), time.process_time()
    response = client.get(address)
    took = ((time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000)
    assert response.status_code == 200, response.status_code
    return took


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(int(sys.argv[2]))
        sys.exit(0)
    parser = argparse.ArgumentParser(prog="python -m bench.home", description=__doc__)
    parser.add_argument("--days", type=int, default=90, help="days of demo data (default %(default)s)")
    parser.add_argument("--requests", type=int, default=30, help="pages asked for, of each range (default %(default)s)")
    common.main("home", run, parser)
