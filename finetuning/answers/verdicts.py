"""What an evaluation says: scores with intervals, differences with a verdict, money, time, and where it went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from statistics import fmean
from typing import Any

import orjson

from analytics.compare.intervals import wilson
from finetuning.evaluation import BINARY, Comparison, Verdict, compare, holm, macro_f1
from finetuning.evaluation.paired import LEVEL, detectable
from finetuning.evaluation.slices import slices_of
from finetuning.messages import answered, text_of
from finetuning.models import Evaluation, EvaluationItem
from finetuning.money import one_of, sums_of
from finetuning.services.files import path_of
from gateway import credentials

MARGIN = 0.02
"""A difference of scores that would not matter: two items of a hundred."""
Z = 1.959963984540054
FEW = 100
WORST = 20
OF_MANY = ("macro_f1", "judge")
"""Metrics that score no single answer."""
THOUSAND = Decimal(1_000)
Rows = Mapping[int, Mapping[int, EvaluationItem]]


def result_of(evaluation: Evaluation) -> dict[str, Any]:
    """Of the answers that are there; `items` are those that all contestants answered."""
    rows = list(EvaluationItem.objects.filter(evaluation=evaluation).order_by("line", "contestant"))
    main = [row for row in rows if not row.is_regression]
    other = [row for row in rows if row.is_regression]
    found = _part(evaluation, main)
    found["slices"] = _slices(evaluation, main)
    found["regression"] = _part(evaluation, other) if evaluation.regression_file_id else None
    found["verdict"] = _overall(found)
    return found


def _part(evaluation: Evaluation, rows: Sequence[EvaluationItem]) -> dict[str, Any]:
    numbers = range(len(evaluation.contestants))
    answers, lines = _answered(evaluation, rows)
    metrics = [_metric(evaluation, metric, lines, answers) for metric in evaluation.metrics]
    _adjust(metrics)
    return {
        "items": len(lines),
        "errors": {number: sum(row.contestant == number and bool(row.error) for row in rows) for number in numbers},
        "contestants": [_contestant(evaluation, number, list(answers[number].values())) for number in numbers],
        "metrics": metrics,
        "detectable": {str(share): detectable(len(lines), share) for share in (0.1, 0.2, 0.3)} if lines else {},
        "worst": _worst(evaluation, lines, answers),
    }  # fmt: skip


def _answered(
    evaluation: Evaluation, rows: Sequence[EvaluationItem]
) -> tuple[dict[int, dict[int, EvaluationItem]], list[int]]:  # fmt: skip
    """Answers by contestant and line, and the lines that all answered."""
    answers: dict[int, dict[int, EvaluationItem]] = {number: {} for number in range(len(evaluation.contestants))}
    for row in rows:
        if not row.error:
            answers[row.contestant][row.line] = row
    return answers, sorted(set.intersection(*(set(found) for found in answers.values()))) if rows else []


def _slices(evaluation: Evaluation, rows: Sequence[EvaluationItem]) -> list[dict[str, Any]]:
    """The first metric that scores single answers, on each part of the items; Holm over all slices together. Nothing
    where there is no such metric."""
    metric = next((name for name in evaluation.metrics if name not in OF_MANY), None)
    answers, lines = _answered(evaluation, rows)
    if metric is None or not lines:
        return []
    found = []
    for one in slices_of(records_of(evaluation, lines)):
        scored = _metric(evaluation, metric, one.lines, answers)
        found.append({"kind": one.kind, "name": one.name, "items": len(one.lines), **scored})
    _adjust(found)
    return found


def _contestant(evaluation: Evaluation, number: int, rows: Sequence[EvaluationItem]) -> dict[str, Any]:
    costs = [row.cost for row in rows if row.cost is not None]
    currency, cost = one_of(sums_of((row.currency, row.cost) for row in rows))
    times = sorted(row.latency_ms for row in rows if row.latency_ms is not None)
    known = len(costs) == len(rows) and bool(rows) and cost is not None
    return {
        "label": evaluation.contestants[number]["label"], "model": evaluation.contestants[number]["model"],
        "answers": len(rows), "currency": currency, "cost": None if cost is None else f"{cost:f}",
        "cost_per_1k": f"{cost / len(rows) * THOUSAND:f}" if known and cost is not None else None,
        "latency_p50_ms": times[(len(times) - 1) // 2] if times else None,
        "latency_p95_ms": times[min(len(times) - 1, int(0.95 * len(times)))] if times else None,
        "input_tokens": sum(row.input_tokens or 0 for row in rows),
        "output_tokens": sum(row.output_tokens or 0 for row in rows),
    }  # fmt: skip


def _metric(evaluation: Evaluation, metric: str, lines: Sequence[int], answers: Rows) -> dict[str, Any]:
    if metric == "macro_f1":
        return _macro(evaluation, lines, answers)
    if metric == "judge":
        return _judged(lines, answers)
    scores = {number: [float(rows[line].scores.get(metric, 0)) for line in lines] for number, rows in answers.items()}
    contestants = []
    for number, values in scores.items():
        mean = fmean(values) if values else None
        interval = wilson(mean, len(values), Z) if mean is not None and metric in BINARY else (None, None)
        contestants.append({"contestant": number, "mean": mean, "lower": interval[0], "upper": interval[1]})
    differences = [
        _difference(number, compare(scores[0], values, margin=MARGIN))
        for number, values in scores.items() if number and values
    ]  # fmt: skip
    return {"metric": metric, "contestants": contestants, "differences": differences}


def _judged(lines: Sequence[int], answers: Rows) -> dict[str, Any]:
    contestants, differences = [], []
    for number, rows in answers.items():
        wins = [float(rows[line].scores["judge"]) for line in lines if "judge" in rows[line].scores] if number else []
        contestants.append({
            "contestant": number, "mean": fmean(wins) if wins else None, "lower": None, "upper": None,
        })  # fmt: skip
        if wins:
            differences.append(_difference(number, compare([1 - win for win in wins], wins, margin=MARGIN)))
    return {"metric": "judge", "contestants": contestants, "differences": differences}


def _macro(evaluation: Evaluation, lines: Sequence[int], answers: Rows) -> dict[str, Any]:
    """Of all answers together: it has no score of an item, so no paired difference."""
    expected = expected_of(evaluation, lines)
    contestants = []
    for number, rows in answers.items():
        mean = macro_f1(expected, [answer_of(rows[line]).strip() for line in lines]) if lines else None
        contestants.append({"contestant": number, "mean": mean, "lower": None, "upper": None})
    return {"metric": "macro_f1", "contestants": contestants, "differences": []}


def answer_of(item: EvaluationItem) -> str:
    """What was answered."""
    return credentials.decrypt(bytes(item.answer)) if item.answer else ""


def expected_of(evaluation: Evaluation, lines: Sequence[int]) -> list[str]:
    """The expected texts of these lines of the held-out file."""
    found = records_of(evaluation, lines)
    return [(text_of(answered(found[line])[1].get("content")) or "").strip() for line in lines]


def records_of(evaluation: Evaluation, lines: Sequence[int]) -> dict[int, dict[str, Any]]:
    """These lines of the held-out file, by their number."""
    wanted = set(lines)
    with path_of(evaluation.file) as path, path.open("rb") as file:
        return {number: orjson.loads(line) for number, line in enumerate(file, start=1) if number in wanted}


def _difference(number: int, found: Comparison) -> dict[str, Any]:
    return {"contestant": number, **asdict(found), "verdict": found.verdict.value, "p_adjusted": found.p_value}


def _adjust(metrics: Sequence[dict[str, Any]]) -> None:
    """Holm over every difference that was looked at: what one of many tests showed by chance is no verdict."""
    differences = [one for metric in metrics for one in metric["differences"]]
    for one, adjusted in zip(differences, holm([one["p_value"] for one in differences]), strict=True):
        one["p_adjusted"] = adjusted
        if one["verdict"] in (Verdict.BETTER, Verdict.WORSE) and adjusted > 1 - LEVEL:
            one["verdict"] = Verdict.CANNOT_TELL.value


def _worst(evaluation: Evaluation, lines: Sequence[int], answers: Rows) -> list[dict[str, Any]]:
    """Lines on which a contestant did most worse than the first, by the metric that decides."""
    metric, found = evaluation.metrics[0], []
    for number, rows in answers.items():
        for line in lines if number else ():
            before, after = answers[0][line].scores.get(metric), rows[line].scores.get(metric)
            if before is not None and after is not None and after < before:
                found.append({"contestant": number, "line": line, "before": before, "after": after})
    return sorted(found, key=lambda one: one["after"] - one["before"])[:WORST]


def _overall(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each contestant against the first, by the metric that decides; `few` when so few items rarely decide."""
    deciding = found["metrics"][0] if found["metrics"] else {"differences": []}
    lost = {
        one["contestant"] for metric in (found["regression"] or {"metrics": []})["metrics"]
        for one in metric["differences"] if one["verdict"] == "worse"
    }  # fmt: skip
    return [
        {"contestant": one["contestant"], "verdict": one["verdict"], "few": found["items"] < FEW,
         "regressed": one["contestant"] in lost}
        for one in deciding["differences"]
    ]  # fmt: skip
