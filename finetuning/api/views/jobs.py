"""Jobs: developers make and steer those of their projects; who sees the project reads."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from finetuning.answers.exports import MOST_EVENTS, document
from finetuning.answers.insights import JobInsights, insights_of
from finetuning.api.permissions import check_auto_deploy
from finetuning.api.serializers import jobs as shapes
from finetuning.api.serializers.insights import JobDocumentSerializer, JobInsightsSerializer, insights_told
from finetuning.choices import OVER
from finetuning.front.base import OneAnswer
from finetuning.models import Checkpoint, JobEvent, JobPoint, TuningJob
from finetuning.services import jobs
from finetuning.services.jobs.times import expected, steps_of
from gateway import downloads
from gateway.api.openapi import ANY_FILE
from gateway.api.permissions import KEY_MAKERS, MEMBERS
from gateway.api.views.base import ReadableResource

MOST_POINTS = 5_000
_LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[201], description="Where the job is."
)
_AFTER = OpenApiParameter("after_step", int, description="Only points of later steps.")


class TuningJobViewSet(ReadableResource):
    """Jobs of the projects that the caller sees, newest first."""

    queryset = TuningJob.objects.select_related(
        "organization", "project", "provider", "training_file", "validation_file"
    )
    serializer_class = shapes.TuningJobSerializer
    confirmed_actions = frozenset({"export"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "events": MEMBERS, "checkpoints": MEMBERS, "metrics": MEMBERS,
        "search": MEMBERS, "insights": MEMBERS, "export": MEMBERS, "create": KEY_MAKERS,
        "destroy": KEY_MAKERS, "cancel": KEY_MAKERS, "pause": KEY_MAKERS, "resume": KEY_MAKERS, "sync": KEY_MAKERS,
    }  # fmt: skip
    filterset_fields = {
        "project": ["exact"], "backend": ["exact", "in"], "provider": ["exact"], "status": ["exact", "in"],
        "base_model": ["exact"], "method": ["exact"], "template": ["exact"], "training_file": ["exact"],
        "created_at": ["gte", "lt"],
    }  # fmt: skip
    search_fields = ("name", "base_model", "tuned_model", "suffix")
    ordering_fields = ("created_at", "finished_at", "cost_actual", "cost_estimate", "name", "status")

    @extend_schema(
        request=shapes.TuningJobRequestSerializer, responses={201: shapes.NewTuningJobSerializer},
        parameters=[_LOCATION],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Make a job; it starts within seconds. Refused before anything is sent or spent: a file with lines that
        vendors refuse or too few of them, a model whose tuning has ended, an estimate above `budget_limit`, and (402)
        hard budgets without that much room, which they keep from then on. `auto_deploy` is for administrators (403)."""
        fields = self.validated(shapes.TuningJobRequestSerializer)
        check_auto_deploy(request, fields.get("auto_deploy"))
        fields["hyperparameters"] = dict(fields.get("hyperparameters") or {})
        job = jobs.create_job(**fields, actor=self.actor)
        response = self.answer(job, 201, shapes.NewTuningJobSerializer)
        response["Location"] = reverse("finetuning-api:job-detail", args=[job.pk], request=request)
        return response

    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove a job that is over, with its events, curves and checkpoints. Its ledger line and its tuned model
        stay."""
        jobs.delete_job(job=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Ask for its end. A backend that does not answer now is asked again until it does."""
        return self.answer(jobs.cancel_job(job=self.get_object(), actor=self.actor))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        """Where the backend offers it; else 409 `not_offered`."""
        return self.answer(jobs.pause_job(job=self.get_object(), actor=self.actor))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        """Go on with a paused job."""
        return self.answer(jobs.resume_job(job=self.get_object(), actor=self.actor))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: UUID) -> Response:
        """Ask the backend now instead of at the next round; without effect while a round is running."""
        return self.answer(jobs.sync_job(self.get_object()))

    @extend_schema(
        request=shapes.TuningJobSearchSerializer, responses=shapes.TuningJobSerializer(many=True),
        operation_id="fine_tuning_jobs_search",
    )  # fmt: skip
    @action(detail=False, methods=["post"], filter_backends=())
    def search(self, request: Request) -> Response:
        """Jobs by several conditions at once, newest first."""
        asked = self.validated(shapes.TuningJobSearchSerializer)
        page = self.paginate_queryset(found(self.get_queryset(), asked))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses=shapes.JobEventSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=())
    def events(self, request: Request, pk: UUID) -> Response:
        """What it told, newest first."""
        page = self.paginate_queryset(JobEvent.objects.filter(job=self.get_object()))
        return self.get_paginated_response(shapes.JobEventSerializer(page, many=True).data)

    @extend_schema(responses=shapes.CheckpointSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=())
    def checkpoints(self, request: Request, pk: UUID) -> Response:
        """Its checkpoints, the last step first; also those that the provider has dropped."""
        page = self.paginate_queryset(Checkpoint.objects.filter(job=self.get_object()).defer("artifact"))
        return self.get_paginated_response(shapes.CheckpointSerializer(page, many=True).data)

    @extend_schema(responses=shapes.JobMetricsSerializer, parameters=[_AFTER])
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def metrics(self, request: Request, pk: UUID) -> Response:
        """The curves, by step: at most 5,000 points, the first after `after_step`."""
        job: TuningJob = self.get_object()
        points = JobPoint.objects.filter(job=job)
        after = request.query_params.get("after_step", "")
        if after.isascii() and after.isdigit():
            points = points.filter(step__gt=int(after[:9]))
        rows = list(points[:MOST_POINTS])
        body = {
            "job": job.pk, "status": job.status, "progress": job.progress, "steps": steps_of(job),
            "last_step": rows[-1].step if rows else None, "points": rows,
        }  # fmt: skip
        return self.answer(body, serializer=shapes.JobMetricsSerializer)

    @extend_schema(responses=JobInsightsSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def insights(self, request: Request, pk: UUID) -> Response:
        """What is the matter with it and what to do, each with its numbers; its best step, and the best that is kept;
        token accuracy without the vendor's hidden tokens."""
        return self.answer(self._told(insights_of(self.get_object(), timezone.now())), 200, JobInsightsSerializer)

    @extend_schema(
        parameters=[OpenApiParameter("format", enum=["csv", "json", "xlsx", "pdf"], description="csv by default.")],
        responses={
            (200, "application/json"): JobDocumentSerializer,
            (200, ANY_FILE): OpenApiResponse(
                OpenApiTypes.BINARY, description="The file, in the content type of its format.",
                examples=[OpenApiExample("CSV", "Step,Train loss,…", media_type=ANY_FILE)],
            ),
        },
    )  # fmt: skip
    @action(
        detail=True, methods=["get"], filter_backends=(), pagination_class=None, content_negotiation_class=OneAnswer
    )
    def export(self, request: Request, pk: UUID) -> Response | HttpResponse:
        """The job as a document: figures, diagnosis, curve, events, checkpoints, what its data's report found."""
        found, wanted = insights_of(self.get_object(), timezone.now()), request.query_params.get("format", "csv")
        if wanted == "json":
            response = self.answer(self._document(found), 200, JobDocumentSerializer)
            response["Content-Disposition"] = f'attachment; filename="job-{found.job.pk.hex[-8:]}.json"'
            return response
        made = document(found, wanted)
        return downloads.document(made.content, name=made.name, content_type=made.content_type)

    def _told(self, found: JobInsights) -> dict[str, Any]:
        eta = None if found.job.status in OVER else expected(found.job, timezone.now())
        return insights_told(found, eta)

    def _document(self, found: JobInsights) -> dict[str, Any]:
        return {
            "job": found.job, "insights": self._told(found), "metrics": found.points, "checkpoints": found.checkpoints,
            "events": JobEvent.objects.filter(job=found.job)[:MOST_EVENTS], "dataset": found.job.training_file.report,
        }  # fmt: skip


def found(rows: QuerySet[TuningJob], asked: dict[str, Any]) -> QuerySet[TuningJob]:
    """`rows` that meet every condition."""
    for name in ("status", "backend", "method", "base_model", "project", "template"):
        if name in asked:
            rows = rows.filter(**{f"{name}__in": asked[name]})
    if text := asked.get("text", "").strip():
        places = ("name", "base_model", "tuned_model", "suffix", "error__message")
        query = Q()
        for place in places:
            query |= Q(**{f"{place}__icontains": text})
        rows = rows.filter(query)
    if tags := asked.get("tags"):
        rows = rows.filter(tags__contains=tags)
    for pair in asked.get("metadata", ()):
        rows = rows.filter(metadata__contains={pair["name"]: pair["value"]})
    bounds = {"created_from": "created_at__gte", "created_to": "created_at__lt", "cost_from": "cost__gte",
              "cost_to": "cost__lte"}  # fmt: skip
    wanted = {lookup: asked[name] for name, lookup in bounds.items() if name in asked}
    return rows.annotate(cost=Coalesce("cost_actual", "cost_estimate")).filter(**wanted) if wanted else rows
