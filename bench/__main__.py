"""`python -m bench [NAME …]`: every benchmark (or the named ones) in turn, then `bench/RESULTS.md`."""

import argparse
import subprocess
import sys

from bench import report
from bench.common import ROOT


def main() -> int:
    """Exit status 1 when a benchmark failed or missed a target; the others run all the same."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(report.ORDER)}; default: all")
    names = parser.parse_args().names or report.ORDER
    unknown = sorted(set(names) - set(report.ORDER))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(report.ORDER)}")
    failed = [name for name in names if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT).returncode]
    report.write()
    if failed:
        print(f"failed or missed a target: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
