"""Allocating a million lines with twenty rules: seconds, and whether the parts are the total to the last digit.

Rules of every method over teams, keys, models, providers and tags; read from the ledger, nothing cached.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bench import common, lines
from bench.common import ROOT, Report
from bench.stack import database, manage

DAYS, RULES, CENTERS = 30, 20, 12
MAKE = (
    "from uuid import UUID; from gateway.models import Organization; Organization.objects.create("
    f"pk=UUID('{lines.ORGANIZATION}'), slug='bench', name='Bench')"
)


def run(options: argparse.Namespace) -> Report:
    report = Report("allocation", f"{options.lines:,} lines of {DAYS} days, {RULES} rules, {CENTERS} cost centres")
    with database() as server:
        manage(server.env, "shell", "-c", MAKE)
        lines.load(server.url, options.lines, DAYS)
        command = [sys.executable, "-m", "bench.allocation", "--ask"]
        done = subprocess.run(command, cwd=ROOT, env=dict(server.env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    found = json.loads(done.stdout.splitlines()[-1])
    report.add("allocation", min(found["seconds"]), "s", at_most=10)
    report.add("slowest of three", max(found["seconds"]), "s")
    report.add("lines per second", options.lines / min(found["seconds"]), "1/s")
    report.add("lines that a rule took", found["taken"], "")
    report.add("units of 1e-10 between the parts and the ledger", found["difference"], "", at_most=0)
    return report


def ask() -> None:
    """The child: make the rules, allocate three times, print as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db.models import Sum

    from costs.allocation.compute import compute, rules_of
    from costs.services import allocation
    from gateway.models import LedgerLine, Organization

    organization = Organization.objects.get(pk=lines.ORGANIZATION)
    start = lines.first_day(DAYS)
    window = start, start + timedelta(days=DAYS)
    centers = [
        str(allocation.create_cost_center(organization=organization, actor=None, code=f"{n:04}", name=f"Centre {n}").pk)
        for n in range(CENTERS)
    ]
    for number in range(RULES):
        allocation.create_rule(
            organization=organization, actor=None, name=f"Rule {number}", position=number, valid_from=start,
            **_rule(number, centers),
        )  # fmt: skip
    known = rules_of(organization, window)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        done = compute(organization, window, "USD", known)
        seconds.append(time.perf_counter() - began)
    ledger = LedgerLine.objects.in_window(*window).filter(organization=organization.pk).aggregate(total=Sum("cost"))
    difference = abs(done.allocated + done.unallocated - Decimal(ledger["total"])).scaleb(10)
    taken = sum(one.lines for one in done.applied.values())
    print(json.dumps({"seconds": seconds, "difference": int(difference), "taken": taken}))


def _rule(number: int, centers: list[str]) -> dict[str, Any]:
    """Every method in turn, over what some of the lines have."""
    model = lines.MODELS[number % len(lines.MODELS)]
    key = str(UUID(int=400 + number))
    met = [
        {"dimension": "model", "op": "in", "values": [model]},
        {"dimension": "api_key", "op": "in" if number % 2 else "not_in", "values": [key]},
        {"dimension": "tag.feature", "op": "not_in", "values": ["none"]},
    ][: 1 + number % 3]
    shares = [{"cost_center": centers[i], "percent": percent} for i, percent in enumerate(("12.5", "37.25", "50.25"))]
    tiers = [{"up_to": "100", "shares": shares}, {"up_to": None, "shares": shares}]
    method, targets = [
        ("direct", {"cost_center": centers[number % CENTERS]}), ("fixed", {"shares": shares}),
        ("even", {"cost_centers": centers}), ("proportional", {"cost_centers": centers, "metric": "total_tokens"}),
        ("tiered", {"tiers": tiers}),
    ][number % 5]  # fmt: skip
    return {"method": method, "targets": targets, "conditions": met}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask()
        sys.exit(0)
    parser = argparse.ArgumentParser(prog="python -m bench.allocation", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="ledger lines (default %(default)s)")
    common.main("allocation", run, parser)
