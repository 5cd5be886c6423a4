"""What a job's own numbers say: diagnosis, curves with the accuracy corrected, checkpoints, estimate against bill."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from statistics import median

from finetuning.choices import OVER, Backend, TuningStatus
from finetuning.insights import Floor, Insight, Point, Run, diagnose, true_accuracy
from finetuning.models import Checkpoint, JobPoint, TuningFile, TuningJob
from finetuning.services.jobs.times import epochs_of, hyperparameter

MOST_POINTS = 5_000
KEEPS_LAST_EPOCHS = {Backend.OPENAI: 3, Backend.AZURE: 3}
"""Vendors that keep the checkpoints of the last epochs alone."""
COUNTS_HIDDEN_TOKENS = frozenset({Backend.OPENAI, Backend.AZURE})
"""Vendors whose token accuracy counts two hidden tokens of each example."""
HIDDEN_TOKENS = 2
ACCURACIES = {"train": "train_accuracy", "valid": "valid_accuracy", "full_valid": "full_valid_accuracy"}
NAMES = tuple(field.name for field in fields(Point))


@dataclass(frozen=True, slots=True)
class Answers:
    """Answer tokens and examples of a file, as its quality report counted them."""

    tokens: int
    examples: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The newest token accuracy of a curve: `reported` by the vendor, and `corrected` for its hidden tokens; None when
    nothing is known of the file's answers, or the vendor counts none; `note` says which."""

    curve: str
    step: int
    reported: float
    corrected: float | None
    note: str


@dataclass(frozen=True, slots=True)
class JobInsights:
    """`points`: at most `MOST_POINTS`, by step; `checkpoints`: the last step first, dropped ones too; `answers`: of the
    training and the validation file, where they correct accuracies; `difference`: actual less estimated cost."""

    job: TuningJob
    insight: Insight
    points: Sequence[JobPoint]
    checkpoints: Sequence[Checkpoint]
    answers: dict[str, Answers | None]
    accuracies: Sequence[Accuracy]
    difference: Decimal | None


def insights_of(job: TuningJob, now: datetime) -> JobInsights:
    """Two statements, when the job comes with its files."""
    points = list(JobPoint.objects.filter(job=job)[:MOST_POINTS])
    checkpoints = list(Checkpoint.objects.filter(job=job).defer("artifact"))
    insight = diagnose([point_of(row) for row in points], run_of(job, points, checkpoints, now))
    answers = {"train": answers_of(job, job.training_file), "valid": answers_of(job, job.validation_file)}
    difference = None
    if job.cost_actual is not None and job.cost_estimate is not None:
        difference = job.cost_actual - job.cost_estimate
    return JobInsights(job, insight, points, checkpoints, answers, _accuracies(job, points, answers), difference)


def point_of(row: JobPoint) -> Point:
    """A stored point as the pure package takes it."""
    return Point(**{name: getattr(row, name) for name in NAMES})


def run_of(job: TuningJob, points: Sequence[JobPoint], checkpoints: Sequence[Checkpoint], now: datetime) -> Run:
    """What `diagnose` has to know besides the curve."""
    times = [row.at for row in points if row.at is not None]
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    is_running = job.status not in (*OVER, TuningStatus.PAUSED)  # nothing is measured while it is paused
    return Run(
        status=job.status, error=str((job.error or {}).get("message") or ""), n_train=job.training_file.lines or 0,
        batch_size=int(hyperparameter(job, "batch_size") or 0), n_epochs=epochs_of(job) or 0,
        kept=[row.step for row in checkpoints if row.dropped_at is None],
        floor=floor_of(job), keeps_last_epochs=KEEPS_LAST_EPOCHS.get(Backend(job.backend)),
        silence_s=(now - times[-1]).total_seconds() if is_running and times else None,
        usual_gap_s=median(gaps) if gaps else None,
    )  # fmt: skip


def floor_of(job: TuningJob) -> Floor:
    """By the report of the training file, in the unit of the job's curve: tokens of an answer, the vendor's hidden ones
    among them; whole lines where a head learns labels. Nothing where the file was not checked."""
    report = job.training_file.report or {}
    found = (report.get("statistics") or {}).get("label_floor")
    if not found or not report.get("examples"):
        return Floor()
    per_line = 1.0
    if job.backend != Backend.LOCAL_HEAD:
        hidden = HIDDEN_TOKENS if Backend(job.backend) in COUNTS_HIDDEN_TOKENS else 0
        per_line = report["tokens"]["answers"] / report["examples"] + hidden
    if per_line <= 0:
        return Floor()
    return Floor(
        found["contradiction_nats"] / per_line, found["contradicting_lines"], (found["noise_nats"] or 0.0) / per_line,
        found["noise_share"] or 0.0,
    )  # fmt: skip


def answers_of(job: TuningJob, file: TuningFile | None) -> Answers | None:
    """None where nothing has to be corrected, or the file was never checked."""
    if file is None or file.report is None or Backend(job.backend) not in COUNTS_HIDDEN_TOKENS:
        return None
    return Answers(file.report["tokens"]["answers"], file.report["examples"])


def corrected(reported: float | None, answers: Answers | None) -> float | None:
    """Without the vendor's hidden tokens; None when either is unknown."""
    if reported is None or answers is None:
        return None
    return true_accuracy(reported, answer_tokens=answers.tokens, examples=answers.examples)


def _accuracies(
    job: TuningJob, points: Sequence[JobPoint], answers: dict[str, Answers | None]
) -> Sequence[Accuracy]:  # fmt: skip
    found = []
    for curve, name in ACCURACIES.items():
        row = next((row for row in reversed(points) if getattr(row, name) is not None), None)
        if row is None:
            continue
        basis, reported = answers["train" if curve == "train" else "valid"], getattr(row, name)
        note = "" if basis else _uncorrected(job)
        found.append(Accuracy(curve, row.step, reported, corrected(reported, basis), note))
    return found


def _uncorrected(job: TuningJob) -> str:
    if Backend(job.backend) not in COUNTS_HIDDEN_TOKENS:
        return "This backend counts no hidden tokens."
    return "Check the file (validate-data) to see it without the vendor's two hidden tokens of each example."
