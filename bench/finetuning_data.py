"""Quality of training files: what is found of known defects, what is said of clean lines, how long 100,000 chats take.

The peer is the check of OpenAI's cookbook, written down from its notebook (MIT), in which a line that it crashes on
counts as found: https://github.com/openai/openai-cookbook/blob/main/examples/Chat_finetuning_data_prep.ipynb, "Format
validation". Needs `../shared/data/finetuning`.
"""

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

from bench import common
from bench.common import ROOT, SHARED_DATA, Report
from finetuning.quality import Report as Inspected
from finetuning.quality import inspect
from finetuning.tokens import Counter
from tests.finetuning.defects import PAIRED, expanded, inject, self_instruct

DATA = SHARED_DATA / "finetuning"
COOKBOOK_KEYS = {"role", "content", "name", "function_call", "weight"}
COOKBOOK_ROLES = {"system", "user", "assistant", "function"}
Labels = dict[int, tuple[str, int]]


def run(options: argparse.Namespace) -> Report:
    report = Report("finetuning_data", f"{options.seeds} seeds of injected defects, {options.chats:,} chats for speed")
    if not DATA.is_dir():
        report.skipped = "../shared/data/finetuning is absent"
        return report
    with tempfile.TemporaryDirectory() as folder:
        _development(report, Path(folder))
        _other_files(report, Path(folder), options.seeds)
        _near_duplicates(report, Path(folder))
        _wrong_labels(report, Path(folder))
        _tokens(report)
        _speed(report, Path(folder), options.chats)
    return report


def _development(report: Report, folder: Path) -> None:
    """The labelled file that the checks were developed with."""
    source = random.Random(1)
    lines = [expanded(line, source) for line in (DATA / "defects_dev.jsonl").read_text().splitlines()]
    known = json.loads((DATA / "defects_dev_labels.json").read_text())
    labels: Labels = {one["line"]: (one["kind"], 0) for one in known["defects"]}
    found = inspect(_written(folder, lines), validation=DATA / "defects_dev_valid.jsonl")
    clean = set(range(1, len(lines) + 1)) - set(labels)
    report.add("development file, defects found by kind", _recall(found, labels), "of 1", at_least=0.95)
    report.add("  the same, only by the labelled line of a pair", _recall(found, labels, strict=True), "of 1")
    report.add("  clean lines told, partners of pairs left out", _told(found, clean - _partners(found, labels)), "of 1",
               at_most=0.01)  # fmt: skip
    report.add("  all unlabelled lines told", _told(found, clean), "of 1", at_most=0.02)
    leaks = {one.line: one.kind for one in found.findings if one.file == "validation"}
    wanted = {one["line"]: one["kind"] for one in known["valid_leaks"]}
    right = sum(1 for line, kind in wanted.items() if leaks.get(line) == kind)
    report.add("  leaks told rightly", right / len(wanted), "of 1", at_least=1)
    peer = {number for number, line in enumerate(lines, 1) if cookbook(line)}
    report.add("  OpenAI cookbook's check, defects found", len(peer & set(labels)) / len(labels), "of 1")
    report.add("  OpenAI cookbook's check, clean lines told", len(peer & clean) / len(clean), "of 1")


def _other_files(report: Report, folder: Path, seeds: int) -> None:
    """Defects put into other real files, in other wordings, with fresh seeds."""
    banking = _records("banking77_train20.jsonl")
    for name, rows in (
        ("Banking77 and self-instruct", banking[::2] + self_instruct(DATA)),
        ("Toolformer and self-instruct", _toolformer(kept="kept@0.7")[:400] + self_instruct(DATA)),
        ("Banking77 alone", banking),
    ):
        recalls, told, peers = [], [], []
        for seed in range(1, seeds + 1):
            lines, labels, clean = inject(rows, seed)
            found = inspect(_written(folder, lines))
            recalls.append(_recall(found, labels))
            told.append(_told(found, clean))
            peers.append(sum(1 for line in labels if cookbook(lines[line - 1])) / len(labels))
        report.add(f"{name}, defects found (least of the seeds)", min(recalls), "of 1", at_least=0.95)
        report.add("  clean lines told (most of the seeds)", max(told), "of 1", at_most=0.01)
        report.add("  OpenAI cookbook's check, defects found", max(peers), "of 1")


def _near_duplicates(report: Report, folder: Path) -> None:
    """Against the lines that the author of the set took out as alike by 0.9."""
    rows = _toolformer()
    found = inspect(_written(folder, [json.dumps(row) for row in rows]))
    removed = {number for number, row in enumerate(_toolformer_rows(), 1) if not row["kept@0.9"]}
    told = {one.line for one in found.findings if one.kind in ("near_dup", "exact_dup")}
    report.add("near duplicates of Toolformer, precision", len(told & removed) / len(told), "of 1", at_least=0.9)
    report.add("  recall", len(told & removed) / len(removed), "of 1", at_least=0.5)


def _wrong_labels(report: Report, folder: Path) -> None:
    """The 5 % of changed labels of the data folder, then other changes with fresh seeds."""
    noise = json.loads((DATA / "banking77_train20_noise5.json").read_text())
    precision, recall = _noise(folder, {one["row"]: one["noisy"] for one in noise})
    report.add("wrong labels of Banking77 with 5 % changed, precision", precision, "of 1", at_least=0.75)
    report.add("  recall", recall, "of 1", at_least=0.9)
    labels = sorted({row["messages"][-1]["content"] for row in _records("banking77_train20.jsonl")})
    others = []
    for seed in range(11, 21):
        source = random.Random(seed)
        changed = {row: source.choice(labels) for row in source.sample(range(1_540), 77)}
        others.append(_noise(folder, changed))
    precisions, recalls = zip(*others, strict=True)
    report.add("  ten other draws, least precision", min(precisions), "of 1", at_least=0.75)
    report.add("  mean precision", fmean(precisions), "of 1")
    report.add("  least recall", min(recalls), "of 1")
    report.add("  mean recall", fmean(recalls), "of 1")


def _noise(folder: Path, changed: dict[int, str]) -> tuple[float, float]:
    rows = _records("banking77_train20.jsonl")
    wrong = {row + 1 for row, label in changed.items() if rows[row]["messages"][-1]["content"] != label}
    for row, label in changed.items():
        rows[row]["messages"][-1]["content"] = label
    found = inspect(_written(folder, [json.dumps(row) for row in rows]))
    told = {one.line for one in found.findings if one.kind in ("label_noise", "label_conflict")}
    return len(told & wrong) / max(len(told), 1), len(told & wrong) / len(wrong)


def _tokens(report: Report) -> None:
    rows = _records("banking77_train20.jsonl") + self_instruct(DATA)
    size = sum(len(json.dumps(row)) for row in rows)
    counter = Counter("gpt-4.1-mini")
    counter.count(rows[0])
    began = time.process_time()
    for row in rows:
        counter.count(row)
    report.add("tokens counted", size / (time.process_time() - began) / 1e6, "MB/s", at_least=4)


def _speed(report: Report, folder: Path, chats: int) -> None:
    """In a process of its own, on one core."""
    path = _written(folder, (json.dumps(row) for row in _chats(chats)))
    program = f"from finetuning.quality import inspect; inspect({str(path)!r})"
    core = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, env={**os.environ, **core})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report.add(f"{chats:,} short chats, processor time", seconds, "s", at_most=60 * chats / 100_000)
    report.add("  most memory", after.ru_maxrss / 1024, "MB", at_most=600)


def _chats(number: int) -> Iterable[dict[str, Any]]:
    """Half labelled, half free text, no two alike: real questions with words of others put in."""
    source = random.Random(3)
    rows = [row["messages"] for row in _records("banking77_train20.jsonl")]
    words = sorted({word for row in rows for word in row[1]["content"].split()})
    for place in range(number):
        system, asked, answer = source.choice(rows)
        question = asked["content"].split()
        for _ in range(4):
            question.insert(source.randrange(len(question) + 1), source.choice(words))
        said = (
            f"You can {' '.join(source.choices(words, k=source.randrange(8, 30)))}." if place % 2 else answer["content"]
        )
        yield {
            "messages": [
                system, {"role": "user", "content": " ".join(question)}, {"role": "assistant", "content": said},
            ]
        }  # fmt: skip


def cookbook(line: str) -> bool:
    """Whether the cookbook's check says anything of a line."""
    try:
        record = json.loads(line)
    except ValueError:
        return True
    messages = record.get("messages") if isinstance(record, dict) else None
    if not messages:
        return True
    for message in messages:
        if "role" not in message or "content" not in message or set(message) - COOKBOOK_KEYS:
            return True
        if message.get("role") not in COOKBOOK_ROLES:
            return True
        content = message.get("content")
        if (not content and not message.get("function_call")) or not isinstance(content, str):
            return True
    return not any(message.get("role") == "assistant" for message in messages)


def _recall(found: Inspected, labels: Labels, *, strict: bool = False) -> float:
    """Share of defects told by their kind. A pair is found by either of its lines unless ``strict``."""
    told: dict[int, set[str]] = {line: set() for line in range(found.lines + 1)}
    for one in found.findings:
        if one.file == "train":
            told[one.line].add(one.kind)
            for line in one.related if one.kind in PAIRED and not strict else ():
                told[line].add(one.kind)
    return sum(1 for line, (kind, _) in labels.items() if kind in told[line]) / len(labels)


def _told(found: Inspected, clean: set[int]) -> float:
    return len({one.line for one in found.findings if one.file == "train"} & clean) / len(clean)


def _partners(found: Inspected, labels: Labels) -> set[int]:
    """Unlabelled lines that share a pair with a labelled one."""
    return {one.line for one in found.findings if one.kind in PAIRED and set(one.related) & set(labels)}


def _records(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def _toolformer_rows() -> list[dict[str, Any]]:
    with gzip.open(DATA / "neardup_toolformer_dev.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def _toolformer(kept: str = "") -> list[dict[str, Any]]:
    return [
        {"messages": [
            {"role": "user", "content": f"{row['instruction']}\n{row['input']}"},
            {"role": "assistant", "content": row["output"]},
        ]}
        for row in _toolformer_rows() if not kept or row[kept]
    ]  # fmt: skip


def _written(folder: Path, lines: Iterable[str]) -> Path:
    path = folder / "train.jsonl"
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.finetuning_data", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="of injected defects (default %(default)s)")
    parser.add_argument("--chats", type=int, default=100_000, help="for speed (default %(default)s)")
    common.main("finetuning_data", run, parser)
