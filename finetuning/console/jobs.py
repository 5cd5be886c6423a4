"""Jobs: the list, one job with its curves and what they say, its end, its tuned model on routes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from analytics.console.format import compact, lag, money, number, percent, signed_money
from finetuning.answers import exports
from finetuning.answers.insights import JobInsights, insights_of
from finetuning.choices import OVER, Backend, CanaryGuard, HostingState, TuningStatus
from finetuning.console.access import job_of, jobs_of, may_make, require_maker
from finetuning.console.canaries import canaries_of
from finetuning.console.curves import accuracy_card, loss_card
from finetuning.insights import Kind
from finetuning.models import Checkpoint, Hosting, TunedModel, TuningJob
from finetuning.services import deploying, hosting, jobs
from finetuning.services.jobs.times import expected
from gateway import downloads
from gateway.console import ConsoleSite
from gateway.console.parts import Pair, Tab
from gateway.console.scope import actor, frame, may_administer, person
from gateway.models import Organization, Route
from gateway.services.errors import ServiceError

PER_PAGE = 25
EVENTS = 50
HOSTING_TONES = {
    HostingState.SERVING: "ok", HostingState.FAILED: "bad", HostingState.ASKED: "warn", HostingState.CREATING: "warn",
    HostingState.DELETING: "warn",
}  # fmt: skip
TONES = {
    TuningStatus.SUCCEEDED: "ok", TuningStatus.FAILED: "bad", TuningStatus.PAUSED: "warn",
    TuningStatus.RUNNING: "accent", TuningStatus.QUEUED: "accent", TuningStatus.VALIDATING: "accent",
}  # fmt: skip
TABS: Mapping[str, tuple[str, Q]] = {
    "": ("All", Q()), "open": ("Open", ~Q(status__in=OVER)),
    "succeeded": ("Succeeded", Q(status=TuningStatus.SUCCEEDED)), "failed": ("Failed", Q(status=TuningStatus.FAILED)),
    "cancelled": ("Cancelled", Q(status=TuningStatus.CANCELLED)),
}  # fmt: skip
GOOD = frozenset({Kind.HEALTHY})
BAD = frozenset({Kind.FAILED, Kind.DIVERGED, Kind.STALLED})
EVENT_TONES = {"info": "", "warn": "warn", "error": "bad"}
PAUSES = frozenset({Backend.OPENAI})
"""Backends that can pause."""
VERBS: Mapping[str, tuple[Callable[..., Any], str]] = {
    "cancel": (jobs.cancel_job, "Its end is asked for."), "pause": (jobs.pause_job, "It is paused."),
    "resume": (jobs.resume_job, "It goes on."), "sync": (jobs.sync_job, "The backend was asked."),
}  # fmt: skip


class DeployForm(forms.Form):
    """Which route gets how much of the tuned model."""

    route = forms.ChoiceField()
    share = forms.IntegerField(min_value=1, max_value=100, initial=10, label="Percent of its calls")
    canary_guard = forms.ChoiceField(
        choices=CanaryGuard.choices, initial=CanaryGuard.ROLLBACK, required=False, label="Without being asked"
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        aliases = Route.objects.filter(organization=organization).order_by("alias").values_list("alias", flat=True)
        self.fields["route"] = forms.ChoiceField(choices=[(alias, alias) for alias in aliases])


@require_safe
def job_list(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Jobs of the projects that the person sees, newest first, by state and words."""
    context, organization = frame(request, site, "Fine-tuning jobs")
    rows = jobs_of(request, organization)
    state, query = request.GET.get("state", ""), request.GET.get("q", "").replace("\0", "").strip()[:120]
    state = state if state in TABS else ""
    counts = rows.order_by().aggregate(
        **{name or "all": Count("pk", filter=where) for name, (_, where) in TABS.items()}
    )
    shown = rows.filter(TABS[state][1])
    if query:
        shown = shown.filter(
            Q(name__icontains=query) | Q(base_model__icontains=query) | Q(tuned_model__icontains=query)
        )
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    context |= {
        "page": page, "rows": [_row(job) for job in page.object_list], "query": query, "state": state,
        "is_empty": not counts["all"],
        "new_url": reverse("admin:tuning_new") if may_make(request, organization) else "",
        "tabs": [
            Tab(label, f"?state={name}" if name else "?", name == state, str(counts[name or "all"]))
            for name, (label, _) in TABS.items()
        ],
    }  # fmt: skip
    return render(request, "console/tuning/jobs.html", context)


@require_safe
def job_page(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponse:
    """One job: what its curves say first, then the curves, money, time, checkpoints, events, and its model."""
    context, organization = frame(request, site, "Fine-tuning jobs")
    job = job_of(request, organization, job_id)
    now = timezone.now()
    found = insights_of(job, now)
    is_open = job.status not in OVER
    tuned = (
        TunedModel.objects.visible_to(person(request))
        .filter(job=job)
        .select_related("hosting")
        .defer("artifact")
        .first()
    )
    may_change = may_make(request, organization)
    may_deploy = tuned is not None and tuned.catalog_model_id is not None and may_administer(request, organization)
    context |= {
        "title": job.name, **_row(job), "insight": found.insight, "diagnosis": _diagnosis(found),
        "formats": exports.FORMATS,
        "cards": [card for card in (loss_card(found), accuracy_card(found)) if card is not None],
        "eta": _eta(expected(job, now), now) if is_open else None, "is_open": is_open, "tuned": tuned,
        "facts": _facts(job), "money": _money(found), "events": [
            (event, EVENT_TONES[event.level]) for event in job.events.all()[:EVENTS]
        ],
        "checkpoints": [_checkpoint(row, found) for row in found.checkpoints], "may_change": may_change,
        "may_cancel": may_change and is_open, "may_deploy": may_deploy,
        "may_pause": may_change and job.status == TuningStatus.RUNNING and job.backend in PAUSES,
        "may_resume": may_change and job.status == TuningStatus.PAUSED,
        "deploy_form": DeployForm(organization) if may_deploy else None,
        "hosting": _hosting(tuned), "uncorrected": _uncorrected(found),
        "routes": sorted(tuned.serving.get("routes", {}).items()) if tuned else [],
        "canaries": canaries_of(tuned),
    }  # fmt: skip
    return render(request, "console/tuning/job.html", context)


@require_POST
def job_do(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponse:
    """POST `verb`: cancel, pause, resume, sync, or delete."""
    _, organization = frame(request, site, "Fine-tuning jobs")
    require_maker(request, organization)
    job, verb = job_of(request, organization, job_id), request.POST.get("verb", "")
    try:
        if verb == "delete":
            jobs.delete_job(job=job, actor=actor(request))
            messages.success(request, f"{job.name} is deleted; its ledger line and its tuned model stay.")
            return redirect("admin:tuning_jobs")
        if verb == "sync":
            jobs.sync_job(job)
        elif verb in VERBS:
            VERBS[verb][0](job=job, actor=actor(request))
        else:
            raise Http404
        messages.success(request, VERBS[verb][1])
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:tuning_job", job.pk)


@require_POST
def job_deploy(request: HttpRequest, site: ConsoleSite, job_id: UUID) -> HttpResponse:
    """POST `route` and `share`, or `withdraw` with a route: its tuned model there, as administrators decide."""
    _, organization = frame(request, site, "Fine-tuning jobs")
    job = job_of(request, organization, job_id)
    if not may_administer(request, organization):
        raise Http404
    rows = TunedModel.objects.visible_to(person(request)).filter(job=job)
    tuned = get_object_or_404(rows)
    try:
        if alias := request.POST.get("withdraw"):
            deploying.withdraw(tuned=tuned, alias=alias, actor=actor(request))
            hosting.sync(tuned)
            messages.success(request, f"It is off the route {alias}.")
        else:
            form = DeployForm(organization, request.POST)
            if not form.is_valid():
                messages.error(request, "Choose a route, and a share of 1 to 100 percent.")
                return redirect("admin:tuning_job", job.pk)
            route, share = form.cleaned_data["route"], form.cleaned_data["share"]
            guard = form.cleaned_data["canary_guard"] or CanaryGuard.ROLLBACK
            deploying.deploy(tuned=tuned, alias=route, share=share, actor=actor(request), canary_guard=guard)
            hosting.sync(tuned)
            waits = Hosting.objects.filter(tuned=tuned, waits__has_key=route).exists()
            told = f"It answers {share} % of the calls of {route}"
            messages.success(request, f"{told} once it is deployed." if waits else f"{told}.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:tuning_job", job.pk)


@require_safe
def job_file(request: HttpRequest, site: ConsoleSite, job_id: UUID, form: str) -> HttpResponse:
    """The job as a CSV file, workbook or PDF."""
    _, organization = frame(request, site, "Fine-tuning jobs")
    if form not in exports.FORMATS:
        raise Http404
    made = exports.document(insights_of(job_of(request, organization, job_id), timezone.now()), form)
    return downloads.document(made.content, name=made.name, content_type=made.content_type)


def _row(job: TuningJob) -> dict[str, Any]:
    """A job in words, as list and page show it."""
    status = TuningStatus(job.status)
    is_ending = job.cancel_requested_at is not None and status not in OVER
    return {
        "job": job, "status": "Being cancelled" if is_ending else status.label, "tone": TONES.get(status, ""),
        "backend": Backend(job.backend).label, "progress": job.progress, "progress_text": percent(job.progress),
        "estimate": money(job.cost_estimate, job.currency), "actual": money(job.cost_actual, job.currency),
    }  # fmt: skip


def _hosting(tuned: TunedModel | None) -> dict[str, Any] | None:
    """Its deployment at the vendor in words; None where there is none."""
    found: Hosting | None = getattr(tuned, "hosting", None)
    if tuned is None or found is None:
        return None
    state = HostingState(found.state)
    return {
        "name": found.name, "state": state.label, "tone": HOSTING_TONES.get(state, ""), "error": found.error,
        "waits": sorted(found.waits.items()), "since": tuned.hosting_since, "until": tuned.hosting_until,
    }  # fmt: skip


def _diagnosis(found: JobInsights) -> dict[str, Any]:
    kind = found.insight.diagnosis.kind
    tone = "good" if kind in GOOD else "bad" if kind in BAD else "" if kind == Kind.TOO_EARLY else "warn"
    return {
        "title": kind.replace("_", " ").capitalize(), "tone": tone, "text": found.insight.diagnosis.text,
        "advice": found.insight.diagnosis.advice,
        "figures": [
            Pair(name.replace("_", " "), f"{value:,.4g}") for name, value in found.insight.diagnosis.figures.items()
        ],
    }  # fmt: skip


def _facts(job: TuningJob) -> list[Pair]:
    used = job.hyperparameters.get("used") or {}
    asked = {name: value for name, value in job.hyperparameters.items() if name not in ("used", "grader")}
    settings = {**asked, **{name: value for name, value in used.items() if value is not None}}
    return [
        Pair("Id", job.public_id, is_code=True, copy=job.public_id), Pair("Project", job.project.name),
        Pair("Base model", job.base_model, is_code=True), Pair("Method", job.method),
        Pair("Training file", f"{job.training_file}, {number(job.training_file.lines)} lines"),
        Pair("Validation file", str(job.validation_file) if job.validation_file else "none"),
        *(Pair(name.removeprefix("n_").replace("_", " ").capitalize(), str(value)) for name, value in settings.items()),
        *([Pair("At the backend", job.provider_job_id, is_code=True)] if job.provider_job_id else []),
    ]  # fmt: skip


def _money(found: JobInsights) -> list[Pair]:
    """Estimate, bill and limit; what is not known is said so."""
    job, estimate = found.job, found.job.estimate or {}
    pairs = [
        Pair("Estimate", money(job.cost_estimate, job.currency)),
        Pair("Actual", money(job.cost_actual, job.currency)),
    ]
    if graded := estimate.get("grader"):
        expected = None if graded["cost"] is None else Decimal(graded["cost"])
        pairs.append(Pair("Graders, expected", money(expected, graded["currency"])))
    if job.grader_cost is not None or estimate.get("grader"):
        pairs.append(Pair("Graders", money(job.grader_cost, job.currency)))
    if found.difference is not None:
        share = f", {percent(abs(found.difference) / job.cost_estimate)}" if job.cost_estimate else ""
        pairs.append(Pair("Actual less estimate", f"{signed_money(found.difference, job.currency)}{share}"))
    if estimate.get("billable_tokens") is not None:
        pairs.append(Pair("Tokens expected", compact(Decimal(estimate["billable_tokens"]))))
    for label, tokens in (("Tokens trained, as told", job.trained_tokens), ("Tokens billed", job.billed_tokens)):
        if tokens is not None:
            pairs.append(Pair(label, compact(tokens)))
    if job.budget_limit is not None:
        pairs.append(Pair("Limit", money(job.budget_limit, job.currency)))
    if rate := estimate.get("rate"):
        pairs.append(Pair("Price", f"{rate['amount']} {rate['currency']} per {rate['per']}, read {rate['read_on']}"))
    return pairs


def _eta(told: dict[str, Any], now: datetime) -> dict[str, Any]:
    ends = [parse_datetime(told[name]) if told[name] else None for name in ("p50", "p90")]
    in_words = [None if end is None else lag((end - now).total_seconds()) for end in ends]
    return {"p50": in_words[0], "p90": in_words[1], "ends": ends, "jobs": told["jobs"], "note": told["note"]}


def _checkpoint(row: Checkpoint, found: JobInsights) -> dict[str, Any]:
    loss = next((point for point in found.points if point.step == row.step), None)
    held = None if loss is None else loss.full_valid_loss if loss.full_valid_loss is not None else loss.valid_loss
    return {
        "row": row, "is_best": row.step == found.insight.best_step,
        "is_best_kept": row.step == found.insight.best_kept_step,
        "loss": "—" if held is None else f"{held:.4g}",
    }  # fmt: skip


def _uncorrected(found: JobInsights) -> str:
    return next((one.note for one in found.accuracies if one.note and one.corrected is None), "")
