"""`python -m gateway.simulator`: the simulated provider without Django."""

import argparse
import sys

from gateway.simulator.options import add_arguments, options_from
from gateway.simulator.run import run


def main() -> int:
    """Parse the command line and serve; 1 when it cannot listen or write its log, 2 for a bad option."""
    parser = argparse.ArgumentParser(prog="simulate_provider", description="Simulated LLM provider.")
    add_arguments(parser)
    try:
        options = options_from(vars(parser.parse_args()))
    except ValueError as error:
        parser.error(str(error))
    try:
        run(options)
    except OSError as error:
        print(f"simulate_provider: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
