"""Jobs that the user's own machine trains: its folder, its token, its reports."""

from collections.abc import Mapping
from typing import IO, Any, cast

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from finetuning.api.authentication import RunnerPrincipal, RunnerTokenAuthentication
from finetuning.api.serializers import runner as shapes
from finetuning.choices import TuningStatus
from finetuning.models import TuningJob
from finetuning.runner import FRAMEWORKS, NotProgress, read
from finetuning.services import runner
from gateway.api.permissions import KEY_MAKERS, SIGNED_IN
from gateway.api.views.base import Resource
from gateway.downloads import Download
from gateway.services.errors import Invalid, NotFound, TooLarge

LIMIT_BYTES = 2 * 1024 * 1024
_FRAMEWORK = OpenApiParameter(
    "framework", OpenApiTypes.STR, enum=list(FRAMEWORKS), required=True, examples=[OpenApiExample("TRL", "trl")]
)
_JSON, _LINES = "application/json", "application/x-ndjson"


class RunnerJobViewSet(Resource):
    """What a machine needs for a job of the backend `runner`."""

    queryset = TuningJob.objects.select_related("organization", "training_file", "validation_file")
    serializer_class = shapes.RunnerTokenSerializer
    roles = {"runner_bundle": KEY_MAKERS, "runner_token": KEY_MAKERS}
    confirmed_actions = frozenset({"runner_bundle", "runner_token"})

    @extend_schema(
        parameters=[_FRAMEWORK],
        responses={
            (200, "application/zip"): OpenApiResponse(
                OpenApiTypes.BINARY, description="The folder, as a ZIP file.",
                examples=[OpenApiExample("ZIP", "PK…", media_type="application/zip")],
            )
        },
    )  # fmt: skip
    @action(detail=True, methods=["get"], url_path="runner-bundle", filter_backends=(), pagination_class=None)
    def runner_bundle(self, request: Request, pk: str) -> Download:
        """A folder ready to train: configuration and data in the framework's own format, pinned requirements, and a
        small client that reports. It has no token in it. 409 for a job of another backend."""
        job, framework = self.get_object(), request.query_params.get("framework", "")
        folder = runner.build_bundle(job, framework, url=settings.CONSOLE_URL)
        return Download(folder, name=f"{framework}-{job.pk.hex[-8:]}.zip", content_type="application/zip")

    @extend_schema(request=None, responses={201: shapes.RunnerTokenSerializer})
    @action(detail=True, methods=["post"], url_path="runner-token", filter_backends=(), pagination_class=None)
    def runner_token(self, request: Request, pk: str) -> Response:
        """A fresh token by which a machine reports of this job alone. 409 when it is over, or of another backend."""
        job = self.get_object()
        token = runner.issue_token(job=job, actor=self.actor)
        url = f"{settings.CONSOLE_URL}/api/v1/fine-tuning/jobs/{job.pk}"
        return self.answer({"token": token, "job": job.pk, "url": url}, 201)


class WholeBody(BaseParser):
    """The body as it is: one object, a list, or JSON Lines."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(LIMIT_BYTES + 1)
        if len(body) > LIMIT_BYTES:
            raise TooLarge("report_too_large", f"A report has up to {LIMIT_BYTES // 1024 // 1024} MiB.")
        return body


class RunnerEventsView(APIView):
    """Where a machine reports."""

    authentication_classes = (RunnerTokenAuthentication,)
    parser_classes = (WholeBody,)
    roles = {"post": SIGNED_IN}

    @extend_schema(
        operation_id="fine_tuning_jobs_events_report",
        request={
            _JSON: OpenApiRequest(
                shapes.RunnerReportSerializer,
                examples=[
                    OpenApiExample("OpenAI's events", shapes.EVENTS), OpenApiExample("The result", shapes.DONE),
                ],
            ),
            _LINES: OpenApiRequest(
                OpenApiTypes.STR, examples=[OpenApiExample("trainer_log.jsonl", shapes.LOG_LINES, media_type=_LINES)]
            ),
        },
        responses=shapes.RunnerReportedSerializer,
    )  # fmt: skip
    def post(self, request: Request, pk: str) -> Response:
        """Report of a run with the job's token: OpenAI's events and checkpoints, lines of `trainer_log.jsonl`, a
        `log_history`, and `status`, `progress`, `trained_tokens`, `fine_tuned_model`, `base_url`, `error` of the job.
        The same sent twice counts once."""
        link = cast("RunnerPrincipal", request.user).link
        if str(link.job_id) != pk.lower():
            raise NotFound("not_found", "The token is of another job.")
        try:
            told = read(cast("bytes", request.data))
        except NotProgress as error:
            raise Invalid("report_invalid", str(error)) from error
        stored = runner.report(link, told)
        stop = stored.status == TuningStatus.CANCELLED or link.job.cancel_requested_at is not None
        answer = {"accepted": len(told.events) + len(told.checkpoints), "status": stored.status,
                  "cancel_requested": stop}  # fmt: skip
        return Response(shapes.RunnerReportedSerializer(answer).data)
