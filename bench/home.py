"""The console's home page on the demo organization: time in the server, and database queries."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from bench import common
from bench.common import ROOT, Report, quantile
from bench.stack import database, manage

PAGE = "/admin/?organization=demo"


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
    report.add("server time, median", statistics.median(asked["ms"]), "ms", at_most=150)
    report.add("server time, 95th percentile", quantile(asked["ms"], 0.95), "ms")
    report.add("first request of the process", asked["first_ms"], "ms")
    report.add("queries", asked["queries"], "", at_most=15)
    return report


def ask(requests: int) -> None:
    """The child: print times in ms and the number of queries as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from gateway.models import User

    client = Client()
    client.force_login(User.objects.create_superuser(username="bench", password="x"))
    times = []
    for _ in range(requests + 1):
        cache.clear()
        began = time.perf_counter()
        response = client.get(PAGE)
        times.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.status_code
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        client.get(PAGE)
    print(json.dumps({"first_ms": times[0], "ms": times[1:], "queries": len(captured)}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(int(sys.argv[2]))
        sys.exit(0)
    parser = argparse.ArgumentParser(prog="python -m bench.home", description=__doc__)
    parser.add_argument("--days", type=int, default=90, help="days of demo data (default %(default)s)")
    parser.add_argument("--requests", type=int, default=30, help="pages asked for (default %(default)s)")
    common.main("home", run, parser)
