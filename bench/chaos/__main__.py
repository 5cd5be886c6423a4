"""Faults under load: kills, pauses, broken wires, full disks, stepping clocks, poison; then the books are checked.

A whole installation is started, mixed load put on it, and faults are drawn from a seeded random, each kind once before
any comes twice. After every fault the time until everything works again is taken, and what is settled is looked at: one
line for each attempt, none twice, no hard budget overspent. In the middle and at the end the oracle
(`bench.chaos.oracle`) compares the providers' journals, the ledger, what callers saw, budgets, mails and alerts.
Exit status 1 when it finds anything, when something did not recover, and with --strict when a kind was skipped.
"""

import argparse
import logging
import os
import random
import signal
import sys

import django

from bench import common
from bench.chaos.installation import Installation
from bench.common import Report


def run(options: argparse.Namespace) -> Report:
    """Entry of the command."""
    print(f"seed {options.seed}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):  # a run in the background would not hear the second
        signal.signal(number, lambda *_: sys.exit(1))
    installation = Installation(say=lambda line: print(line, file=sys.stderr))
    try:
        installation.start()
        os.environ.update(installation.environment)
        django.setup()
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # the database will be away, and often
        from bench.chaos.conductor import Conductor  # its models need Django on this database

        return Conductor(options, installation).go()
    finally:
        if options.keep:
            print(f"kept: {installation.directory}")
        installation.close(keep=options.keep)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    made.add_argument("--minutes", type=float, default=10, help="length of the run (default %(default)s)")
    made.add_argument("--faults", type=int, default=0, help="so many instead of each kind once")
    made.add_argument("--only", default="", metavar="TEXT,…", help="faults whose name or target contains one of these")
    made.add_argument("--cheap", action="store_true", help="one of each kind that recovers within seconds")
    made.add_argument("--strict", action="store_true", help="a kind that cannot be made here is a failure")
    made.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="repeats a run's faults and their luck"
    )
    made.add_argument("--patience", type=float, default=90, help="seconds a recovery may take (default %(default)s)")
    made.add_argument("--json", metavar="FILE", help="what was made and found (default bench/results/chaos-SEED.json)")
    made.add_argument("--former", default="", metavar="REV", help="the former release's commit")
    made.add_argument("--keep", action="store_true", help="keep the directory with logs and journals")
    return made


if __name__ == "__main__":
    common.main("chaos", run, parser())
