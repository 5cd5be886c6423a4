"""Schemathesis over both APIs of a running gateway: `python -m tests.fuzz_api --minutes 30`.

Starts a whole gateway with the demo company and the simulated provider, and goes over its OpenAPI document over HTTP:
as a management key that writes and one that reads, as an owner and an analyst with tokens, and over the data plane with
a virtual key. Turns are short enough for a token to last. What is made is followed by the document's links in turns of
their own: behind the other phases no time is left for it. The exit code says whether anything was found; reports and
the gateway's logs stay in `--directory`.

A turn that stopped early, had errors of its own or followed no link is a fault, too, and so is a run of
`FULL_MINUTES` or more that left out more than a twentieth of the operations.

All checks run. Of operations that take a body or parameters of a query two say nothing (`settings_of`): no schema says
which rows exist and which fields go together, so what fits one may be refused; and forms, queries and JSON take "1" for
1, so what does not fit one may be taken. Neither is a fault of a document or a server. Where links are followed the two
say nothing at all: settings by operation do not reach there, and an empty header is one that is not sent.

In the second one's place a check of our own (`tests.fuzz_checks`) judges every JSON body that the management API takes,
by a schema that allows for what is read generously and for nothing else; `tests.fuzz_bodies` says what, and names
exceptions.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.api.links import declare_links

ROOT = Path(__file__).resolve().parent.parent
READY_S = 900.0
TURN_S = 600  # a token of a person lasts 15 minutes
FULL_MINUTES = 30  # from here on a run claims to have tried the whole of both APIs
TRIED = 0.95
UNSAID = ("positive_data_acceptance", "negative_data_rejection")
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.fuzz_checks", "PYTHONPATH": str(ROOT)}
PLAIN, LINKS = "examples,coverage,fuzzing", "stateful"
_FOREIGN = {"DATABASE_URL", "DATABASE_DIRECT_URL", "DATA_DIR", "SECRET_KEY", "KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"}
# Would end the run for everybody: the company itself, and passwords and tokens of who is signed in.
_DEADLY = {("post", "/api/v1/organizations/{id}/archive"), ("post", "/api/v1/me/password")}

_MAKE_CREDENTIALS = """
import json
from gateway.models import Membership, Organization, Project
from gateway.services import keys, tokens
company = Organization.objects.get(is_demo=True)
project = Project.objects.filter(organization=company, archived_at=None).first()
def key(*scopes):
    return keys.create_key(organization=company, project=project, actor=None, name="fuzz", user=None, scopes=scopes)[1]
def token(role):
    member = Membership.objects.filter(organization=company, role=role).select_related("user").first()
    return tokens.issue(user=member.user)._asdict()["access"]
print(json.dumps({"slug": company.slug, "write key": key("manage:read", "manage:write"), "read key": key("manage:read"),
    "virtual key": key("inference"), "owner": token("owner"), "analyst": token("analyst")}))
"""


@dataclass(frozen=True)
class Turn:
    """One run of Schemathesis: as whom, over the paths that begin so, in which phases."""

    caller: str
    prefix: str
    weight: int
    phases: str = PLAIN

    @property
    def name(self) -> str:
        return f"{self.caller}, links" if self.phases == LINKS else self.caller


TURNS = (
    Turn("write key", "/api/", 3), Turn("write key", "/api/", 2, LINKS),
    Turn("virtual key", "/v1/", 2, f"{PLAIN},{LINKS}"), Turn("owner", "/api/", 1, LINKS),
    Turn("analyst", "/api/", 1), Turn("read key", "/api/", 1),
)  # fmt: skip


class Gateway:
    """A whole gateway in a folder of its own."""

    def __init__(self, directory: Path, port: int, **settings: str) -> None:
        self.data_dir, self.url = directory / "var", f"http://127.0.0.1:{port}"
        self._environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN} | settings
        argv = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port), "--data-dir", str(self.data_dir)]
        self.output = directory / "up.log"
        with self.output.open("wb") as log:
            self._process = subprocess.Popen(
                argv, cwd=directory, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + READY_S
        while "Ready after" not in self.output.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(self.output.read_text())
            time.sleep(0.5)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(90)

    @property
    def database_url(self) -> str:
        url: str = json.loads((self.data_dir / "run" / "state.json").read_text())["database_url"]
        return url

    def secrets(self) -> dict[str, str]:
        """What it made for itself when it began."""
        lines = (self.data_dir / "secrets.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def credentials(self) -> dict[str, str]:
        """New keys and tokens of the demo company, by caller, and its slug."""
        return json.loads(self.manage("shell", "--no-imports", "--command", _MAKE_CREDENTIALS).splitlines()[-1])

    def document(self, slug: str) -> dict[str, Any]:
        """The OpenAPI document of both APIs as a test may use it."""
        path = self.data_dir / "openapi.json"
        self.manage("export_openapi", "--output", str(path))
        return prepared(json.loads(path.read_text()), slug)

    def faults(self) -> list[str]:
        """Server errors and tracebacks in the logs of the processes that serve."""
        found = []
        for name in ("console", "dataplane"):
            lines = (self.data_dir / "log" / f"{name}.log").read_text(errors="replace").splitlines()
            found += [f"{name}: {line[:300]}" for line in lines if "code=500" in line or line.startswith("Traceback")]
        return found

    def manage(self, *arguments: str) -> str:
        """What a management command beside it prints."""
        environment = {
            **self._environment, **self.secrets(), "DATABASE_URL": self.database_url,
            "DATABASE_DIRECT_URL": self.database_url, "DATA_DIR": str(self.data_dir),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True, capture_output=True,
            text=True, timeout=300,
        ).stdout.strip()  # fmt: skip


def prepared(document: dict[str, Any], slug: str) -> dict[str, Any]:
    """The document with the company named in the header, without what would end the run. The schema of an event stream
    is that of its whole text; Schemathesis reads it as that of one event."""
    for path, item in document["paths"].items():
        for method in list(item):
            if (method, path) in _DEADLY:
                del item[method]
                continue
            for parameter in item[method].get("parameters", ()):
                if parameter["name"] == "X-Organization":
                    parameter["schema"] = {"type": "string", "enum": [slug]}
                    parameter.pop("examples", None)
            bodies = item[method].get("requestBody", {}).get("content", {})
            bodies.pop("application/x-ndjson", None)  # Schemathesis writes none; the same is taken as JSON
            for answer in item[method]["responses"].values():
                if events := answer.get("content", {}).get("text/event-stream"):
                    events.pop("schema", None)
    document["paths"] = {path: item for path, item in document["paths"].items() if item}
    return declare_links(document)


def settings_of(document: dict[str, Any]) -> str:
    """The file in which Schemathesis finds for which operations two checks say nothing."""
    named = [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "requestBody" in operation or any(one["in"] == "query" for one in operation.get("parameters", ()))
    ]
    left_out = "".join(f"checks.{check}.enabled = false\n" for check in UNSAID)
    return f"[[operations]]\ninclude-name = {json.dumps(named)}\n{left_out}"


def run(
    turn: Turn, gateway: Gateway, document: dict[str, Any], seconds: int, seed: int, directory: Path
) -> dict[str, Any]:
    """Schemathesis' own report of a turn, `log` beside it in `directory`. `exit_code` is that of the process."""
    made = gateway.credentials()
    paths = {path: item for path, item in document["paths"].items() if path.startswith(turn.prefix)}
    directory.mkdir(parents=True, exist_ok=True)
    source, report = directory / "openapi.json", directory / "report.json"
    source.write_text(json.dumps({**document, "paths": paths}))
    (directory / "schemathesis.toml").write_text(settings_of({"paths": paths}))
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", str(source), "--url", gateway.url,
        "--header", f"Authorization: Bearer {made[turn.caller]}", "--workers", "2", "--seed", str(seed),
        "--phases", turn.phases, "--max-time", str(seconds), "--max-examples", "20",
        "--request-timeout", "60", "--max-response-time", "60", "--continue-on-failure", "--no-shrink",
        "--generation-database", "none", "--warnings", "off", "--no-color", "--suppress-health-check", "all",
        "--report", "json", "--report-json-path", str(report),
        *(("--exclude-checks", ",".join(UNSAID)) if LINKS in turn.phases else ()),
    ]  # fmt: skip
    with (directory / "log").open("wb") as log:
        ended = subprocess.run(
            command, cwd=directory, env=os.environ | HOOKS, stdout=log, stderr=log, timeout=seconds + 600, check=False
        )
    return json.loads(report.read_text()) | {"exit_code": ended.returncode}


def faults_of(turn: Turn, report: dict[str, Any]) -> list[str]:
    """What was found in a turn and what kept it from looking, one line each."""
    found = [f"{one['title']}: {', '.join(one['operations'])}" for one in report["failures"]]
    found += [f"error: {one['title']}, {one['count']} times" for one in report["errors"]]
    if not report["complete"]:
        found.append(f"stopped early: {report['stop_reason']}")
    if report["exit_code"] != 0 and not found:
        found.append(f"exit status {report['exit_code']}")
    if not report["test_cases"]["generated"]:
        found.append("no call was made")
    if turn.phases == LINKS and (report["phases"] or {}).get(LINKS, {}).get("status") in (None, "skip"):
        found.append("no link was followed")
    return [f"{turn.name}: {one}" for one in found]


def untried(reports: Sequence[tuple[Turn, dict[str, Any]]]) -> list[str]:
    """APIs of which too few operations were tried. Of each the turn counts that got furthest: a report has numbers, no
    names."""
    best: dict[str, tuple[int, int]] = {}
    for turn, report in reports:
        counts = report["operations"] or {"tested": 0, "total": 1}
        best[turn.prefix] = max(best.get(turn.prefix, (0, 1)), (counts["tested"], counts["total"]))
    return [
        f"{prefix}: {tested} of {total} operations were tried"
        for prefix, (tested, total) in best.items()
        if tested < TRIED * total
    ]


def turns(minutes: float) -> Iterator[tuple[Turn, int]]:
    """Whose turn it is and for how many seconds; each caller's whole share is kept."""
    whole = sum(turn.weight for turn in TURNS)
    for turn in TURNS:
        left = int(minutes * 60 * turn.weight / whole)
        while left > 0:
            yield turn, min(left, TURN_S)
            left -= TURN_S


def fuzz(minutes: float, seed: int, directory: Path, port: int) -> list[str]:
    """What was found, one line each."""
    gateway, found, reports = Gateway(directory, port), [], []
    try:
        document = gateway.document(gateway.credentials()["slug"])
        for number, (turn, seconds) in enumerate(turns(minutes)):
            place = directory / f"{number}-{turn.name.replace(', ', '-').replace(' ', '-')}"
            report = run(turn, gateway, document, seconds, seed + number, place)
            lines = faults_of(turn, report)
            found += lines
            reports.append((turn, report))
            calls, tried = report["test_cases"]["generated"], (report["operations"] or {}).get("tested", 0)
            print(f"{turn.name}: {calls} calls in {seconds} s, {tried} operations, {len(lines)} kinds of faults")
        return found + (untried(reports) if minutes >= FULL_MINUTES else []) + gateway.faults()
    finally:
        gateway.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=8390)
    parser.add_argument("--directory", type=Path, help="for reports and logs; default: a temporary one")
    options = parser.parse_args()
    directory = options.directory or Path(tempfile.mkdtemp(prefix="fuzz-api-"))
    directory.mkdir(parents=True, exist_ok=True)
    found = fuzz(options.minutes, options.seed, directory, options.port)
    print("\n".join(found) or "Nothing found.", f"Reports: {directory}", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
