"""`python -m bench.report`: write `bench/RESULTS.md` from the last result of every benchmark."""

import json
from typing import Any

from bench.common import RESULTS, ROOT, number

ORDER = (
    "dataplane",
    "everything",
    "cache",
    "latency",
    "streams",
    "writer",
    "import_usage",
    "rollups",
    "backup",
    "query",
    "freshness",
    "home",
    "pages",
    "pricing",
    "forecast",
    "anomaly",
    "incidents",
    "savings",
    "exports",
    "allocation",
    "reconciliation",
    "finetuning_data",
    "localhead",
    "sdk",
    "start",
    "outages",
    "chaos",
    "soak",
    "load",
    "scale",
    "large",
)
NOT_RUN = "Not run yet:"
TARGET = ROOT / "bench" / "RESULTS.md"
HEAD = """# Results

Written by `python -m bench.report` from the last run of every benchmark; `make bench` runs them all and ends with it.
Machine: 2 shared cores. Each benchmark's module says what it measures and how. Read ratios before absolute
numbers: they come from one run on the same core.
"""


def write() -> None:
    """One section for every benchmark that has a result here; the others keep the section they have."""
    found = {name: json.loads(path.read_text()) for name in ORDER if (path := RESULTS / f"{name}.json").exists()}
    if not found:
        raise SystemExit("No results yet: run `make bench` first.")
    kept = _sections(TARGET.read_text()) if TARGET.exists() else {}
    made = kept | {name: _section(result) for name, result in found.items()}
    sections = [HEAD, *(made[name] for name in ORDER if name in made)]
    missing = [name for name in ORDER if name not in made]
    if missing:
        sections.append(f"{NOT_RUN} " + ", ".join(f"`python -m bench.{name}`" for name in missing) + ".\n")
    TARGET.write_text("\n".join(sections))
    print(f"wrote {TARGET.relative_to(ROOT)}")


def _sections(text: str) -> dict[str, str]:
    """The sections of a written report by their benchmark, without its last line about what was not run."""
    _, *parts = text.partition(f"\n{NOT_RUN}")[0].split("\n## ")
    return {part.partition("\n")[0]: f"## {part.strip()}\n" for part in parts}


def _section(result: dict[str, Any]) -> str:
    lines = [f"## {result['benchmark']}", "", f"`{result['command']}` — {result['setting']}.", ""]
    if result["skipped"]:
        return "\n".join([*lines, f"Skipped: {result['skipped']}.", ""])
    lines += ["| figure | value | target | |", "|---|---|---|---|", *map(_row, result["figures"]), ""]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    state = f"load average {result['load_before']} before the run, which took {result['seconds']:.0f} s"
    lines += [f"{result['at'][:16].replace('T', ' ')} UTC, commit {result['commit']}, {state}. {versions}.", ""]
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> str:
    value, target = figure["value"], figure["target"]
    if target is None:
        return f"| {figure['name']} | {number(value)} {figure['unit']} | | |"
    holds = value >= target if figure["at_least"] else value <= target
    wanted = f"{'≥' if figure['at_least'] else '≤'} {target:,g}"
    return f"| {figure['name']} | {number(value)} {figure['unit']} | {wanted} | {'ok' if holds else 'missed'} |"


if __name__ == "__main__":
    write()
