"""Evaluations: the list with the form that starts one, and one with its verdict, figures and worst lines."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.console.format import DASH, compact, duration, money, percent
from finetuning.choices import EvaluationStatus, FileFormat, FilePurpose
from finetuning.console.access import evaluations_of, files_of, jobs_of, may_make, require_maker
from finetuning.models import Evaluation, TuningFile, TuningJob
from finetuning.money import LISTED_CURRENCY
from finetuning.services import evaluations
from finetuning.services.evaluations import judging
from finetuning.services.evaluations.making import OPEN
from finetuning.services.evaluations.scoring import METRICS, OF_PAIRS
from gateway.console import ConsoleSite
from gateway.console.scope import actor, frame, person
from gateway.services.errors import ServiceError

PER_PAGE = 25
CONTESTANTS = {"contestants.0.model": "base", "contestants.1.model": "tuned"}
"""Where the form shows what the service says of a model."""
SURE = 0.05
"""Of a slice better or worse is said only where it holds after looking at all of them."""
TONES = {
    EvaluationStatus.SUCCEEDED: "ok", EvaluationStatus.FAILED: "bad", EvaluationStatus.RUNNING: "accent",
    EvaluationStatus.QUEUED: "accent",
}  # fmt: skip
VERDICTS = {
    "better": ("Better", "ok"), "worse": ("Worse", "bad"), "equivalent": ("Equivalent", ""),
    "cannot_tell": ("Cannot tell", "warn"),
}  # fmt: skip
LABELS = {
    "exact": "Exact match", "normalised": "Match, normalised", "json_valid": "Valid JSON", "rouge_l": "ROUGE-L",
    "tool_calls": "Tool calls", "macro_f1": "Macro F1", "judge": "Judge",
}  # fmt: skip


class StartForm(forms.Form):
    """Two models, and the items that both answer."""

    file = forms.ModelChoiceField(TuningFile.objects.none(), label="Held-out file")
    base = forms.CharField(max_length=300, label="Base model", help_text="A model or route, as applications name it.")
    tuned = forms.CharField(max_length=300, label="Tuned model")
    metrics = forms.MultipleChoiceField(
        choices=[(name, LABELS[name]) for name in METRICS if name != OF_PAIRS], widget=forms.CheckboxSelectMultiple,
        initial=["exact"], help_text="The first decides.",
    )  # fmt: skip
    job = forms.ModelChoiceField(
        TuningJob.objects.none(), required=False, empty_label="None",
        help_text="Items that its training file has are left out.",
    )  # fmt: skip
    sample = forms.IntegerField(required=False, min_value=1, label="Items at most", help_text="Empty: all.")
    budget_limit = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=20,
        decimal_places=10,
        label="Cost at most",
        help_text="Answers and judge, in the currency of their prices. No answer passes it: it ends before.",
    )

    def __init__(self, files: QuerySet[TuningFile], jobs: QuerySet[TuningJob], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rows in (("file", files), ("job", jobs)):
            field: Any = self.fields[name]
            field.queryset = rows


@require_http_methods(["GET", "HEAD", "POST"])
def evaluation_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Evaluations of the projects that the person sees, newest first; POST starts one."""
    context, organization = frame(request, site, "Compare")
    may_change = may_make(request, organization)
    files = files_of(request, organization).filter(
        purpose=FilePurpose.FINE_TUNE, format__in=(FileFormat.CHAT, FileFormat.UNKNOWN)
    )
    jobs = jobs_of(request, organization)
    given = {name: request.GET[name] for name in ("base", "tuned", "job") if name in request.GET}
    form = StartForm(files, jobs, initial=given)
    if request.method == "POST":
        require_maker(request, organization)
        form = StartForm(files, jobs, request.POST)
        if form.is_valid() and (made := _start(request, form)):
            return redirect("admin:tuning_evaluation", made.pk)
    rows = evaluations_of(request, organization)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "page": page, "rows": [_row(one) for one in page.object_list], "form": form, "may_change": may_change,
    }  # fmt: skip
    return render(request, "console/tuning/evaluations.html", context)


@require_safe
def evaluation_page(request: HttpRequest, site: ConsoleSite, evaluation_id: UUID) -> HttpResponse:
    """One evaluation."""
    context, organization = frame(request, site, "Compare")
    row = get_object_or_404(evaluations_of(request, organization), pk=evaluation_id)
    context |= {
        "title": row.name, **_row(row), "may_cancel": row.status in OPEN and may_make(request, organization),
        "left_out": [
            (reason.replace("_", " "), len(lines), lines[:20]) for reason, lines in row.leaks.items() if lines
        ],
        "parts": _parts(row), "slices": _slices(row),
    }  # fmt: skip
    return render(request, "console/tuning/evaluation.html", context)


@require_POST
def evaluation_cancel(request: HttpRequest, site: ConsoleSite, evaluation_id: UUID) -> HttpResponse:
    """Ask no more; what was answered stays."""
    _, organization = frame(request, site, "Compare")
    require_maker(request, organization)
    row = get_object_or_404(evaluations_of(request, organization), pk=evaluation_id)
    try:
        evaluations.cancel_evaluation(evaluation=row, actor=actor(request))
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:tuning_evaluation", row.pk)


def _start(request: HttpRequest, form: StartForm) -> Evaluation | None:
    given = form.cleaned_data
    file: TuningFile = given["file"]
    names = [given["base"].strip(), given["tuned"].strip()]
    try:
        return evaluations.create_evaluation(
            project=file.project, file=file, job=given["job"], metrics=given["metrics"], sample=given["sample"],
            contestants=[{"model": name, "system": None, "temperature": 0.0, "max_tokens": None} for name in names],
            budget_limit=given["budget_limit"], actor=actor(request), created_by=person(request),
        )  # fmt: skip
    except ServiceError as error:
        field = CONTESTANTS.get(error.field, error.field)
        form.add_error(field if field in form.fields else None, error.message)
        return None


def _row(row: Evaluation) -> dict[str, Any]:
    """An evaluation in words, as list and page show it."""
    verdicts = [
        {
            "label": row.contestants[one["contestant"]]["label"], "text": VERDICTS[one["verdict"]][0],
            "tone": VERDICTS[one["verdict"]][1], "few": one["few"], "regressed": one["regressed"],
        }
        for one in (row.result or {}).get("verdict", [])
    ]  # fmt: skip
    return {
        "row": row, "status": row.get_status_display(), "tone": TONES.get(EvaluationStatus(row.status), ""),
        "progress": row.progress, "progress_text": percent(row.progress), "verdicts": verdicts,
        "base": row.contestants[0]["label"], "others": [one["label"] for one in row.contestants[1:]],
    }  # fmt: skip


def _parts(row: Evaluation) -> list[dict[str, Any]]:
    """The held-out items, and the regression set where there is one."""
    result = row.result
    if result is None:
        return []
    parts = [("Held-out items", result)]
    if result.get("regression"):
        parts.append(("Regression set", result["regression"]))
    return [_part(row, title, part) for title, part in parts]


def _part(row: Evaluation, title: str, part: Mapping[str, Any]) -> dict[str, Any]:
    labels = [one["label"] for one in row.contestants]
    return {
        "title": title, "items": part["items"],
        "contestants": [
            {
                "label": one["label"], "model": one["model"], "answers": one["answers"],
                "errors": part["errors"].get(str(number), 0),
                **_amounts(one),
                "p50": duration(one["latency_p50_ms"]), "p95": duration(one["latency_p95_ms"]),
                "tokens": compact(one["input_tokens"] + one["output_tokens"]),
            }
            for number, one in enumerate(part["contestants"])
        ],
        "metrics": [
            {
                "name": LABELS[metric["metric"]],
                "means": [
                    (labels[one["contestant"]], percent(one["mean"]), _interval(one)) for one in metric["contestants"]
                ],
                "differences": [_difference(labels, one) for one in metric["differences"]],
                "note": _of_the_judge(row, metric) if metric["metric"] == OF_PAIRS else "",
            }
            for metric in part["metrics"]
        ],
        "worst": [
            (labels[one["contestant"]], one["line"], percent(one["before"]), percent(one["after"]))
            for one in part["worst"]
        ],
    }  # fmt: skip


def _of_the_judge(row: Evaluation, metric: Mapping[str, Any]) -> str:
    """Who judged, what that cost so far as it is known, and whether anything came of it."""
    judge, (currency, spent) = row.judge or {}, judging.paid_by(row)
    cost = "what that cost is not known" if spent is None else f"for {money(spent, currency)}"
    told = f"Judged by {judge.get('model', '')}, {cost}." if judging.SPENT in judge else f"Judge: {judge.get('model')}."
    if judge.get(judging.ERROR):
        told += f" It could not always be asked: {judge[judging.ERROR]}"
    elif all(one["mean"] is None for one in metric["contestants"]):
        told += " It gave no verdict: it has to answer A, B or T, and nothing else."
    return told


def _slices(row: Evaluation) -> list[dict[str, Any]]:
    """A row for each slice and model that is held against the first."""
    labels = [one["label"] for one in row.contestants]
    found = []
    for one in (row.result or {}).get("slices", ()):
        scores = {mean["contestant"]: mean for mean in one["contestants"]}
        for difference in one["differences"]:
            is_decided = difference["verdict"] not in ("better", "worse") or difference["p_adjusted"] < SURE
            told = _difference(labels, difference if is_decided else {**difference, "verdict": "cannot_tell"})
            before, after = scores[0], scores[difference["contestant"]]
            found.append({
                **told, "kind": one["kind"].capitalize(), "name": one["name"], "items": one["items"],
                "before": percent(before["mean"]), "after": percent(after["mean"]),
                "before_interval": _interval(before), "after_interval": _interval(after),
            })  # fmt: skip
    return found


def _amounts(one: Mapping[str, Any]) -> dict[str, str]:
    """In the currency of their prices; dashes when not every answer has a known price, or they are of several."""
    if one["cost_per_1k"] is None:
        return {"cost": DASH, "per_1k": DASH}
    currency = one.get("currency", LISTED_CURRENCY)
    return {name: money(Decimal(one[key]), currency) for name, key in (("cost", "cost"), ("per_1k", "cost_per_1k"))}


def _interval(one: Mapping[str, Any]) -> str:
    return "" if one["lower"] is None else f"{percent(one['lower'])} to {percent(one['upper'])}"


def _difference(labels: list[str], one: Mapping[str, Any]) -> dict[str, Any]:
    text, tone = VERDICTS[one["verdict"]]
    return {
        "label": labels[one["contestant"]], "verdict": text, "tone": tone, "points": f"{one['difference'] * 100:+.1f}",
        "from": f"{one['lower'] * 100:+.1f}", "to": f"{one['upper'] * 100:+.1f}", "p": f"{one['p_adjusted']:.3g}",
        "wins": one["wins"], "ties": one["ties"], "losses": one["losses"],
        "detectable": f"{one['detectable'] * 100:.1f}",
    }  # fmt: skip
