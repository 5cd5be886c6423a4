"""Estimates, templates, recommendations, sums and last days: questions that change nothing."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.views.base import AnalyticsView
from finetuning.answers import analytics, costs, estimates, recommendations, sunsets, templates
from finetuning.answers.estimates import Answer, Today, Wish
from finetuning.api.permissions import check_auto_deploy
from finetuning.api.serializers import advice as shapes
from finetuning.api.serializers.jobs import NewTuningJobSerializer
from finetuning.api.serializers.templates import TemplateJobSerializer, TuningTemplatesSerializer
from finetuning.choices import Backend
from finetuning.estimates import Method
from finetuning.models import TuningFile
from finetuning.quality import reading
from finetuning.scenarios import SCENARIOS, scenario_of
from finetuning.services.files import path_of
from finetuning.services.templating import create_from_template
from gateway.api.authentication import actor_of
from gateway.api.organization import required_organization
from gateway.api.permissions import KEY_MAKERS
from gateway.services.errors import NotFound

DAYS = 30
YEARS = (1, 9999)
WINDOW = [
    OpenApiParameter("start", OpenApiTypes.DATETIME, description=f"Default: {DAYS} days before `end`."),
    OpenApiParameter("end", OpenApiTypes.DATETIME, description="Default: now."),
]
USUAL = tuple(dict.fromkeys(
    Wish(one.backend, one.model, technique=one.technique)
    for scenario in SCENARIOS if scenario.method is Method.SUPERVISED
    for one in scenario.candidates if one.backend not in (Backend.RUNNER, Backend.DICL)
))  # fmt: skip
"""What is compared when nobody says what to compare."""


class EstimateCostView(AnalyticsView):
    """What tuning would cost."""

    @extend_schema(
        operation_id="fine_tuning_estimate_cost", request=shapes.TuningEstimateRequestSerializer,
        responses=shapes.TuningEstimatesSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Tokens, training, graders, hosting, requests, time and break-even at each backend, before anything is
        uploaded or by a file's id. Unknown prices are null, never zero."""
        asked = self.asked(shapes.TuningEstimateRequestSerializer)
        named = asked.get("candidates") or ()
        wishes = [Wish(**{**each, "method": Method(each["method"])}) for each in named] or list(USUAL)
        today = Today(**asked["today"]) if asked["today"] else None
        now = timezone.now()
        with _Lines(asked["file"], asked["content"]) as lines, _Lines(asked["validation_file"], "") as validation:
            try:
                found = estimates.estimates(
                    organization=required_organization(request), lines=lines, validation=validation, wishes=wishes,
                    at=now, today=today,
                )  # fmt: skip
            except ValueError as error:
                raise ValidationError({"file": str(error)}, code="no_examples") from error
        body = {"generated_at": now, "estimates": [_told(answer) for answer in found]}
        return Response(shapes.TuningEstimatesSerializer(body).data)


class _Lines:
    """The lines of a file or of a text, as often as they are asked for while the context lasts."""

    def __init__(self, file: TuningFile | None, content: str) -> None:
        self.opened = path_of(file) if file is not None else None
        self.content = content.encode()

    def __enter__(self) -> Callable[[], Iterable[bytes]]:
        if self.opened is None:
            return self.content.splitlines
        path = self.opened.__enter__()
        return lambda: _read(path)

    def __exit__(self, *error: Any) -> None:
        if self.opened is not None:
            self.opened.__exit__(*error)


def _read(path: Path) -> Iterable[bytes]:
    return (line.raw for line in reading.lines(path))


def _told(answer: Answer) -> dict[str, Any]:
    found, profile, rate = answer.estimate, answer.profile, answer.estimate.rate
    return {
        "backend": answer.wish.backend, "model": answer.wish.model, "method": answer.wish.method,
        "technique": answer.wish.technique, "epochs": found.epochs, "epochs_by": found.epochs_by,
        "tokens_per_epoch": found.tokens_per_epoch, "tokens_exact": found.is_exact,
        "tokens_error": profile.dataset.error, "tokenizer": profile.method, "examples": len(profile.dataset.tokens),
        "unread_lines": profile.unread, "billable_tokens": found.billable_tokens, "training": found.training,
        "training_lower": found.lower, "training_upper": found.upper, "hosting_per_month": found.hosting_per_month,
        "price": rate, "inference_per_1k": answer.inference_per_1k, "base_per_1k": answer.base_per_1k,
        "break_even": answer.break_even, "grader": None if answer.grader is None else answer.grader.told,
        "eta": {"p50_s": answer.duration.p50, "p90_s": answer.duration.p90, "jobs": answer.duration.jobs,
                "note": answer.duration.note},
        "currency": rate.currency if rate else "USD", "notes": [*found.notes, *answer.notes],
        "blocked_by": found.blocked_by,
    }  # fmt: skip


class TemplatesView(AnalyticsView):
    """Common scenarios."""

    @extend_schema(
        operation_id="fine_tuning_templates", responses=TuningTemplatesSerializer,
        parameters=[
            OpenApiParameter("provider", str, description="With a base model at this backend."),
            OpenApiParameter("use_case", str, description="An id, a category, or a word."),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Nine scenarios with their data, their gate and ten lines to look at."""
        found = templates.templates(
            request.user, required_organization(request), timezone.now(),
            backend=request.query_params.get("provider", ""), use_case=request.query_params.get("use_case", ""),
        )  # fmt: skip
        return Response(TuningTemplatesSerializer({"templates": [template_told(one) for one in found]}).data)


class TemplateJobView(AnalyticsView):
    """A job from a scenario."""

    roles = {"post": KEY_MAKERS}
    only_reads = False

    @extend_schema(
        operation_id="fine_tuning_template_create_job", request=TemplateJobSerializer,
        responses={201: NewTuningJobSerializer},
    )  # fmt: skip
    def post(self, request: Request, template_id: str) -> Response:
        """Make a job with the template's method and hyperparameters at its first candidate, or at the backend that you
        name. Refused as any job is that would fail or cost too much; `auto_deploy` is for administrators (403)."""
        scenario = scenario_of(template_id)
        if scenario is None:
            raise NotFound("template_not_found", "There is no such template.")
        asked = self.asked(TemplateJobSerializer)
        check_auto_deploy(request, asked["auto_deploy"])
        job = create_from_template(scenario=scenario, actor=actor_of(request.user), **asked)
        response = Response(NewTuningJobSerializer(job, context={"request": request}).data, 201)
        response["Location"] = reverse("finetuning-api:job-detail", args=[job.pk], request=request)
        return response


def template_told(one: templates.Template) -> dict[str, Any]:
    """As `TuningTemplateSerializer` has it."""
    scenario = one.scenario
    return {
        "id": scenario.id, "name": scenario.name, "category": scenario.category, "use_case": scenario.use_case,
        "base_models": [
            {"backend": each.backend, "model": each.model, "technique": each.technique, "sunset_on": end}
            for each, end in one.candidates
        ],
        "method": scenario.method, "hyperparameters": scenario.hyperparameters,
        "data_requirements": {
            "format": scenario.format, "rows": scenario.rows[0], "usual_rows": scenario.rows[1], "per": scenario.per,
        },
        "sample": one.sample, "expected": scenario.expected,
        "cost_range": {"lower": one.lower, "upper": one.upper, "currency": "USD", "unknown": one.unknown},
        "checks": scenario.checks, "gate_metric": scenario.gate, "metrics": scenario.metrics, "notes": scenario.notes,
        "usage_count": one.usage_count, "success_rate": one.success_rate,
    }  # fmt: skip


class RecommendationsView(AnalyticsView):
    """Whether tuning pays."""

    @extend_schema(
        operation_id="fine_tuning_recommendations", responses=shapes.AdviceListSerializer,
        parameters=[OpenApiParameter("use_case", str, description="Id of one template alone.")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """For the dearest uses of models in the last 30 days the best option each, not tuning among them."""
        now, questions = timezone.now(), self.questions()
        found = recommendations.recommendations(questions, now, use_case=request.query_params.get("use_case", ""))
        body = {"generated_at": now, "currency": questions.organization.currency, "recommendations": found}
        return Response(shapes.AdviceListSerializer(body).data)


class RadarView(AnalyticsView):
    """Last days."""

    @extend_schema(operation_id="fine_tuning_sunsets", responses=shapes.RadarSerializer)
    def get(self, request: Request) -> Response:
        """Models in use, and tuned ones, that will be switched off: when, by whose word, and what depends on them."""
        now, questions = timezone.now(), self.questions()
        found = sunsets.radar(questions, now)
        body = {"generated_at": now, "currency": questions.organization.currency, "models": found}
        return Response(shapes.RadarSerializer(body).data)


class FineTuningAnalyticsView(AnalyticsView):
    """Jobs in numbers."""

    @extend_schema(
        operation_id="fine_tuning_analytics", parameters=WINDOW, responses=shapes.JobAnalyticsSerializer
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """How many jobs, how they ended, how long they took, what they cost."""
        start, end = window_of(request)
        organization = required_organization(request)
        found = analytics.job_analytics(request.user, organization, start, end)
        groups = [
            {"dimension": name, "value": value, "figures": figures}
            for name, values in found.groups.items() for value, figures in values.items()
        ]  # fmt: skip
        body = {"start": start, "end": end, "currency": organization.currency, "totals": found.totals, "groups": groups}
        return Response(shapes.JobAnalyticsSerializer(body).data)


class FineTuningCostView(AnalyticsView):
    """Money in parts."""

    @extend_schema(
        operation_id="fine_tuning_cost_breakdown", parameters=WINDOW, responses=shapes.CostBreakdownSerializer
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Training, graders, hosting and requests to tuned models, as the ledger has them, and what was wasted."""
        start, end = window_of(request)
        found = costs.breakdown(self.questions(), start, end)
        by = {
            "provider": found.by_provider,
            "model": found.by_model,
            "team": found.by_team,
            "project": found.by_project,
        }
        body = {
            "start": start, "end": end, "currency": found.currency, "sums": _sums(found.sums),
            "groups": [
                {"dimension": name, "value": value, "sums": _sums(sums)}
                for name, groups in by.items() for value, sums in groups.items()
            ],
            "jobs": [
                {"id": one.job.pk, "name": one.job.name, "backend": one.job.backend, "base_model": one.job.base_model,
                 "status": one.job.status, "cost": one.cost, "grader": one.grader, "wasted": one.wasted}
                for one in found.jobs
            ],
            "not_of_jobs": found.not_of_jobs,
            "wasted": [{"reason": reason, "amount": amount} for reason, amount in found.wasted.items()],
        }  # fmt: skip
        return Response(shapes.CostBreakdownSerializer(body).data)


def _sums(sums: costs.Sums) -> dict[str, Any]:
    return {**asdict(sums)["parts"], "total": sums.total, "requests": sums.requests}


def window_of(request: Request) -> tuple[datetime, datetime]:
    """`[start, end)` of the query string. Raises ValidationError."""
    end = _time(request, "end") or timezone.now()
    start = _time(request, "start") or end - timedelta(days=DAYS)
    if start >= end:
        raise ValidationError({"end": "The window must end after it starts."}, code="empty_window")
    return start, end


def _time(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationError({name: "A time as 2026-11-28T00:00:00Z is wanted."}, code="invalid") from None
    if time.tzinfo is None:
        raise ValidationError({name: "The time needs a zone."}, code="naive_time")
    if not YEARS[0] < time.year < YEARS[1]:  # what is reckoned from it must stay a time
        raise ValidationError({name: f"A year from {YEARS[0] + 1} to {YEARS[1] - 1} is wanted."}, code="out_of_range")
    return time
