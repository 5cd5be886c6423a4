"""The radar of last days: which models will be switched off, when, and what depends on them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics.answers.questions import Questions
from analytics.console.format import compact, money, percent
from finetuning.answers.sunsets import Row, radar
from finetuning.choices import EvaluationStatus
from finetuning.console.access import may_make, require_maker
from finetuning.models import Recording, TuningFile
from finetuning.services import recording
from gateway.console import ConsoleSite
from gateway.console.scope import actor, frame, person
from gateway.models import Organization, Project, User
from gateway.services.errors import ServiceError

STATES = {
    "off": ("Off", "bad"), "soon": ("Soon", "warn"), "later": ("Later", ""), "jobs_only": ("New jobs end", ""),
}  # fmt: skip


SHOWN = 20
RECORDING_TONES = {
    EvaluationStatus.SUCCEEDED: "ok", EvaluationStatus.FAILED: "bad", EvaluationStatus.RUNNING: "accent",
    EvaluationStatus.QUEUED: "accent",
}  # fmt: skip


class RecordForm(forms.Form):
    """Whose prompts are replayed, how many, for how much at most."""

    model = forms.CharField(max_length=200, help_text="As applications name it.")
    project = forms.ModelChoiceField(Project.objects.none(), empty_label=None)
    source = forms.ModelChoiceField(
        TuningFile.objects.none(), required=False, empty_label="Logged requests of the last 30 days", label="Prompts of"
    )
    size = forms.IntegerField(min_value=1, max_value=recording.MOST_PROMPTS, initial=200, label="Prompts at most")
    budget_limit = forms.DecimalField(
        min_value=0,
        max_digits=20,
        decimal_places=10,
        initial="5",
        label="Cost at most",
        help_text="In the currency of the prices. No answer passes it: it ends with what it has before.",
    )
    consent = forms.BooleanField(label="Those whose words these are have agreed to their use for training")

    def __init__(self, organization: Organization, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = Project.objects.active().visible_to(user).filter(organization=organization)
        chosen: Any = self.fields["project"]
        chosen.queryset = projects.order_by("name")
        sources: Any = self.fields["source"]
        sources.queryset = TuningFile.objects.ready().visible_to(user).filter(
            organization=organization, purpose="fine-tune", format__in=("chat", "unknown")
        )  # fmt: skip


@require_POST
def record(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """POST the form: queue a recording."""
    _, organization = frame(request, site, "Sunset radar")
    require_maker(request, organization)
    form = RecordForm(organization, person(request), request.POST)
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        label = form.fields[name].label or name.capitalize() if name in form.fields else name
        messages.error(request, f"{label}: {errors[0]}")
        return redirect("admin:tuning_sunsets")
    given = form.cleaned_data
    user = person(request)
    try:
        recording.create_recording(
            project=given["project"], model=given["model"], source=given["source"], size=given["size"],
            budget_limit=given["budget_limit"], consent=given["consent"], actor=actor(request),
            created_by=user if isinstance(user, User) else None,
        )  # fmt: skip
        messages.success(request, f"The answers of {given['model']} are being recorded.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:tuning_sunsets")


@require_POST
def recording_cancel(request: HttpRequest, site: ConsoleSite, recording_id: UUID) -> HttpResponse:
    """Ask no more."""
    _, organization = frame(request, site, "Sunset radar")
    require_maker(request, organization)
    rows = Recording.objects.visible_to(person(request)).filter(organization=organization)
    row = get_object_or_404(rows, pk=recording_id)
    try:
        recording.cancel_recording(recording=row, actor=actor(request))
        messages.success(request, "The recording is cancelled; nothing of it is kept.")
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("admin:tuning_sunsets")


@require_safe
def sunset_page(request: HttpRequest, site: ConsoleSite) -> HttpResponse:
    """Models in use and tuned models that have a last day, the nearest first, with the traffic of 30 days."""
    context, organization = frame(request, site, "Sunset radar")
    rows = radar(Questions(person(request), organization), timezone.now())
    unrecorded = [row for row in rows if row.state in ("soon", "later") and row.golden_at is None]
    may_record = may_make(request, organization)
    recordings = Recording.objects.visible_to(person(request)).filter(organization=organization)
    wanted = next((row.model for row in unrecorded), "")
    context |= {
        "recordings": [_recording(one) for one in recordings.select_related("project")[:SHOWN]],
        "may_record": may_record,
        "record_form": RecordForm(organization, person(request), initial={"model": wanted}) if may_record else None,
        "rows": [_shown(row, organization.currency) for row in rows],
        "figures": [
            ("With a last day", str(len(rows)), "models in use or tuned here"),
            ("Off within 60 days", str(sum(row.state == "soon" for row in rows)), "and still answering"),
            ("Traffic at risk", percent(_at_risk(rows)), "of the requests of 30 days"),
            ("Without golden answers", str(len(unrecorded)), "and still answering"),
        ],
    }  # fmt: skip
    return render(request, "console/tuning/sunsets.html", context)


def _at_risk(rows: list[Row]) -> float | None:
    """Share of requests to models that will not answer; None without traffic."""
    shares = [row.share for row in rows if row.share is not None and row.state != "jobs_only"]
    return sum(shares) if shares else None


def _shown(row: Row, currency: str) -> dict[str, Any]:
    label, tone = STATES[row.state]
    days = row.days_left
    left = "" if days is None else f"{days} day{'' if days == 1 else 's'} left" if days > 0 else f"for {-days} days"
    return {
        "row": row, "state": label, "tone": tone, "left": left, "requests": compact(row.requests),
        "cost": money(row.cost, currency), "share": row.share or 0.0, "share_text": percent(row.share),
        "last_on": row.answers_until or row.new_jobs_until,
    }  # fmt: skip


def _recording(row: Recording) -> dict[str, Any]:
    status = EvaluationStatus(row.status)
    return {
        "row": row, "status": status.label, "tone": RECORDING_TONES.get(status, ""),
        "is_open": row.status in recording.OPEN, "progress": row.progress, "progress_text": percent(row.progress),
        "spent": money(row.spent, row.currency),
    }  # fmt: skip
