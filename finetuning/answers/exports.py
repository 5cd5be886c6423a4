"""A job as a document: figures, what its curve says, curve, events, checkpoints, and its data's report."""

import math
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from analytics.exports.table import Column
from analytics.reports.blocks import Drawn, Figure, Figures, Grid, Part, Words
from analytics.reports.render import documents
from analytics.reports.render.documents import Document
from finetuning.answers.insights import JobInsights, corrected
from finetuning.models import JobEvent
from finetuning.quality.kinds import KINDS
from gateway.services.errors import Invalid

FORMATS = ("csv", "xlsx", "pdf")
MOST_EVENTS = 10_000
FACTS = (Column("name", "Fact"), Column("value", "Value"))
CURVE = (
    Column("step", "Step", "integer"), Column("train_loss", "Train loss", "number"),
    Column("valid_loss", "Held-out loss, one batch", "number"), Column("full_valid_loss", "Held-out loss", "number"),
    Column("train_accuracy", "Train accuracy, as told", "ratio"),
    Column("full_valid_accuracy", "Held-out accuracy, as told", "ratio"),
    Column("full_valid_corrected", "Held-out accuracy, corrected", "ratio"),
)  # fmt: skip
EVENTS = (Column("at", "Time", "time"), Column("level", "Level"), Column("message", "Message"))
CHECKPOINTS = (
    Column("step", "Step", "integer"), Column("model", "Model"), Column("dropped_at", "Dropped", "time"),
)  # fmt: skip
FINDINGS = (Column("kind", "Finding"), Column("severity", "Severity"), Column("lines", "Lines", "integer"))


def document(found: JobInsights, wanted: str) -> Document:
    """One of `FORMATS`. One statement. Raises `Invalid`."""
    if wanted not in FORMATS:
        raise Invalid("format", f"The format is one of {', '.join(FORMATS)}, or json.", field="format")
    return documents.documents(draw(found), {}, [wanted], f"job-{found.job.pk.hex[-8:]}")[0]


def draw(found: JobInsights) -> Drawn:
    """The job in blocks, as reports draw them."""
    job = found.job
    start, end = job.started_at or job.created_at, job.finished_at
    return Drawn(
        title=f"Fine-tuning job {job.name}", organization=job.organization.name,
        period=f"{start:%Y-%m-%d %H:%M} – {f'{end:%Y-%m-%d %H:%M}' if end else 'still running'}", zone="UTC",
        currency=job.currency, seen_as=f"Project {job.project.name}.", made_at=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        parts=[
            Part("Job", [_figures(found), Words(_said(found)), Grid("Facts", FACTS, list(_facts(found)))]),
            Part("Curve", [Grid("By step", CURVE, list(_curve(found)), empty="Nothing was measured.")]),
            Part("Events", [Grid("The newest first", EVENTS, list(_events(found)), empty="Nothing was told.")]),
            Part("Checkpoints", [
                Grid("The last first", CHECKPOINTS,
                     [[row.step, row.model, row.dropped_at] for row in found.checkpoints], empty="There is none.")
            ]),
            Part("Training data", [
                Grid("Findings", FINDINGS, list(_findings(found)), empty="Nothing was found, or it was not checked.")
            ]),
        ],
    )  # fmt: skip


def _figures(found: JobInsights) -> Figures:
    job = found.job
    return Figures([
        Figure("Status", job.get_status_display()), Figure("Cost", _money(job.cost_actual, job.currency)),
        Figure("Estimate", _money(job.cost_estimate, job.currency)),
        Figure("Actual less estimate", _money(found.difference, job.currency)),
    ])  # fmt: skip


def _said(found: JobInsights) -> str:
    diagnosis = found.insight.diagnosis
    return " ".join([f"{diagnosis.kind.replace('_', ' ').capitalize()}: {diagnosis.text}", *diagnosis.advice])


def _facts(found: JobInsights) -> Iterator[list[Any]]:
    job, insight = found.job, found.insight
    yield ["Id", job.public_id]
    yield ["Backend", job.get_backend_display()]
    yield ["Base model", job.base_model]
    yield ["Tuned model", job.tuned_model or None]
    yield ["Method", job.method]
    yield ["Training file", str(job.training_file)]
    yield ["Validation file", str(job.validation_file) if job.validation_file else None]
    yield ["Trained tokens, as told", _text(job.trained_tokens)]
    yield ["Best step", _text(insight.best_step)]
    yield ["Best step that is kept", _text(insight.best_kept_step)]


def _curve(found: JobInsights) -> Iterator[list[Any]]:
    for point in found.points:
        yield [
            point.step, _finite(point.train_loss), _finite(point.valid_loss), _finite(point.full_valid_loss),
            point.train_accuracy, point.full_valid_accuracy,
            corrected(point.full_valid_accuracy, found.answers["valid"]),
        ]  # fmt: skip


def _events(found: JobInsights) -> Iterator[list[Any]]:
    for event in JobEvent.objects.filter(job=found.job)[:MOST_EVENTS]:
        yield [event.at, event.get_level_display(), event.message]


def _findings(found: JobInsights) -> Iterator[list[Any]]:
    for name, count in (found.job.training_file.report or {}).get("counts", {}).items():
        yield [KINDS[name].title, KINDS[name].severity, count]


def _finite(loss: float | None) -> float | None:
    """A workbook has no cell for a loss that diverged."""
    return loss if loss is not None and math.isfinite(loss) else None


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _money(amount: Any, currency: str) -> str:
    return "–" if amount is None else f"{amount:,.4f} {currency}"
