"""A local head from file to served answers: trained by the background process on one core, asked through the gateway.

77 intents of Banking77, 20 rows each; held out are 385 rows that no choice was tuned on (5 each). Everything is the
product's own: a stored file, a job's backend, the claimed run of the background process, the data plane over HTTP at
one connection. Processor time is the run's own, whatever else the machine does; the other times are a clock's. Needs
`../shared/data/finetuning`.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg

from bench import common
from bench.common import SHARED_DATA, Report, cpu_seconds, quantile
from bench.stack import Stack, wait_for

DATA = SHARED_DATA / "finetuning"
TRAINING, HELD_OUT = "banking77_train20.jsonl", "banking77_valid5.jsonl"
NOWHERE = "http://127.0.0.1:9/v1"
WARM_UP = 50
MAKE_JOB = """
from pathlib import Path
from finetuning.backends.localhead import LocalHeadBackend
from finetuning.models import FilePart, TuningFile, TuningJob
from gateway import credentials
from gateway.ledger.ids import uuid7
from gateway.models import Organization, Project
organization = Organization.objects.get(slug='bench')
project = Project.objects.filter(organization=organization).first()
owner = {{'organization': organization, 'project': project}}
content = Path({training!r}).read_bytes()
file = TuningFile.objects.create(**owner, name='train.jsonl', status='processed', family=uuid7())
FilePart.objects.create(file=file, number=0, size_bytes=len(content), data=credentials.encrypt_bytes(content))
job = TuningJob.objects.create(**owner, name='bench', backend='local-head', base_model='local-head-hash',
    method='supervised', suffix='bench', training_file=file)
LocalHeadBackend().start(job)
print(job.pk)
"""
RUN_SQL = """
SELECT r.status, r.tuned_model, extract(epoch FROM j.finished_at - j.started_at)::float
FROM finetuning_headrun r JOIN gateway_job j ON j.period = r.job_id::text WHERE r.job_id = %s
"""


def run(options: argparse.Namespace) -> Report:
    report = Report("localhead", f"Banking77, 77 labels × 20 rows, {options.rounds} rounds over the held-out rows")
    if not DATA.is_dir():
        report.skipped = "../shared/data/finetuning is absent"
        return report
    with Stack(NOWHERE) as stack:
        background = stack.pid("background")
        before = cpu_seconds(background)
        model, seconds = trained(stack)
        report.add(
            "training, processor time of the background process", cpu_seconds(background) - before, "s", at_most=15
        )
        report.add("training, from the claim to the served model", seconds, "s")
        before = cpu_seconds(stack.dataplane_pid)
        right, times = asked(stack, model, rows(), options.rounds)
        spent = cpu_seconds(stack.dataplane_pid) - before
    report.add("data plane, processor time of a call", 1_000 * spent / (len(times) + WARM_UP), "ms")
    report.add("held-out rows right", 100 * right, "%", at_least=80)
    report.add("served p50", quantile(times, 0.50), "ms", at_most=5)
    report.add("served p99", quantile(times, 0.99), "ms")
    return report


def trained(stack: Stack) -> tuple[str, float]:
    """The model's name, and seconds of the background process's run."""
    code = MAKE_JOB.format(training=str(DATA / TRAINING))
    job = stack.manage("shell", "-c", code).strip().splitlines()[-1]
    found: list[Any] = []

    def is_over() -> bool:
        with psycopg.connect(stack.database_url) as connection:
            found[:] = connection.execute(RUN_SQL, [job]).fetchone() or []
        return bool(found) and found[0] in ("succeeded", "failed")

    wait_for(is_over, 120, "the run of the local head")
    if found[0] != "succeeded":
        raise RuntimeError(f"the run {found[0]}")
    return str(found[1]), float(found[2])


def rows() -> list[tuple[bytes, str]]:
    """Messages as JSON and the right label, of each held-out row."""
    records = [json.loads(line) for line in Path(DATA / HELD_OUT).read_text().splitlines()]
    return [(json.dumps(each["messages"][:-1]).encode(), each["messages"][-1]["content"]) for each in records]


def asked(stack: Stack, model: str, held_out: Sequence[tuple[bytes, str]], rounds: int) -> tuple[float, list[float]]:
    """The share of right answers, and the milliseconds of each call after the first few."""
    wait_for(lambda: next(calls(stack, model, held_out[:1]))[0] == 200, 10, "the new model at the data plane")
    list(calls(stack, model, held_out[:WARM_UP]))
    found = [each for _ in range(rounds) for each in calls(stack, model, held_out)]
    right = [label == wanted for (_, label, _), (_, wanted) in zip(found, list(held_out) * rounds, strict=True)]
    return sum(right) / len(right), [took for _, _, took in found]


def calls(stack: Stack, model: str, held_out: Sequence[tuple[bytes, str]]) -> Iterator[tuple[int, str, float]]:
    """Status, answer and milliseconds of a call for each row, over one kept connection."""
    connection = HTTPConnection("127.0.0.1", stack.port, timeout=30)
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/json"}
    for messages, _ in held_out:
        body = b'{"model":' + json.dumps(model).encode() + b',"messages":' + messages + b"}"
        began = time.perf_counter_ns()
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        data = answer.read()
        took = (time.perf_counter_ns() - began) / 1e6
        said = json.loads(data)
        yield answer.status, said["choices"][0]["message"]["content"] if answer.status == 200 else "", took
    connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.localhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="over the held-out rows (default %(default)s)")
    common.main("localhead", run, parser)
