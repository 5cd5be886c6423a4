"""`manage.py alive KIND`: does this host's own process of that kind work? For container probes.

Reads the age of a file, so that a database that is away restarts nothing; runs before Django, so that it is cheap.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import places

KINDS = ("writer", "background", "beat")
WITHIN_S = 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--within", type=float, default=WITHIN_S, help="seconds since it last worked (%(default)g)")


def main(arguments: Sequence[str]) -> None:
    """Exit status 0 when it does, 1 when it hangs or none runs."""
    parser = argparse.ArgumentParser(prog="manage.py alive", description=__doc__)
    add_options(parser)
    sys.exit(_fault(parser.parse_args(arguments)))


def _fault(options: argparse.Namespace) -> str | None:
    ages = places.ages(options.kind, _data_dir())
    if not ages:
        return f"No process of the kind {options.kind} runs on this host."
    if max(ages) > options.within:
        return f"The process of the kind {options.kind} last worked {max(ages):.0f} s ago."
    return None


def _data_dir() -> Path:
    """In a container it is set, and the settings' libraries are not needed."""
    if given := os.environ.get("DATA_DIR"):
        return Path(given).absolute()
    from config import env

    env.read_dotenv()
    return env.where_data_is()
