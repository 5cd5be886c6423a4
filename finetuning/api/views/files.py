"""Training files: upload, versions, reports, repaired versions, datasets from traffic."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import ChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from finetuning.api.downloads import download
from finetuning.api.serializers import files as shapes
from finetuning.api.serializers import filework as work
from finetuning.api.serializers import reports
from finetuning.choices import FileFormat
from finetuning.front.files import refuse_large
from finetuning.models import TuningFile
from finetuning.querysets import TuningFileQuerySet
from finetuning.services import files
from finetuning.services.files import runs, uploads
from finetuning.services.files.judging import Mending
from finetuning.services.files.storing import PART_BYTES
from gateway.api.filters import ListFilters
from gateway.api.parsers import BoundedJSONParser
from gateway.api.permissions import KEY_MAKERS, MEMBERS
from gateway.api.views.base import ReadableResource, Resource
from gateway.downloads import Download
from gateway.models import Job, Project, User
from gateway.services.errors import Invalid

SHOWN_CHANGES = 200
_LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[201, 202], description="Where it is."
)
_QUEUED = OpenApiResponse(
    work.FileRunSerializer, description="Large: done in the background.", examples=[OpenApiExample("Queued", work.RUN)]
)
_LINE = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}\n'


class FileResource(Resource):
    """What the views of files share."""

    queryset = TuningFile.objects.all()

    def get_queryset(self) -> QuerySet[TuningFile]:
        rows: Any = super().get_queryset()
        return self.chosen(rows).select_related("project__organization", "organization")

    def chosen(self, rows: TuningFileQuerySet) -> TuningFileQuerySet:
        return rows.ready()

    @property
    def person(self) -> User | None:
        """Who is named as the maker; nobody for a key."""
        user: Any = self.request.user
        return user if isinstance(user, User) else None


class FileFilter(ListFilters):
    """`format` in a query is the framework's own word, so the filter has another."""

    file_format = ChoiceFilter(field_name="format", choices=FileFormat.choices)

    class Meta:
        model = TuningFile
        fields = ("project", "purpose", "origin", "family", "sha256")


class FileViewSet(ReadableResource, FileResource):
    """Files of the projects that the caller sees, newest first."""

    serializer_class = shapes.TuningFileSerializer
    confirmed_actions = frozenset({"content"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "content": MEMBERS, "versions": MEMBERS, "diff": MEMBERS,
        "report": MEMBERS, "create": KEY_MAKERS, "destroy": KEY_MAKERS, "from_traffic": KEY_MAKERS,
    }  # fmt: skip
    parser_classes = (MultiPartParser, BoundedJSONParser)
    filterset_class = FileFilter
    search_fields = ("name",)
    ordering_fields = ("created_at", "size_bytes", "lines", "score")

    @extend_schema(responses=shapes.TuningFileDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One version of a file."""
        return self.answer(self.get_object(), 200, shapes.TuningFileDetailSerializer)

    @extend_schema(
        request={"multipart/form-data": shapes.TuningFileRequestSerializer},
        responses={201: shapes.TuningFileDetailSerializer},
        parameters=[_LOCATION],
    )
    def create(self, request: Request) -> Response:
        """Upload a file of up to 512 MiB, whole; it is stored encrypted, piece by piece. `duplicates` names files with
        the very same content. Lines may have faults: `validate-data` finds them."""
        refuse_large(request)
        fields = self.validated(shapes.TuningFileRequestSerializer)
        file = files.create_file(
            project=fields["project"], name=fields["file"].name or "data.jsonl", purpose=fields["purpose"],
            content=fields["file"].chunks(PART_BYTES), created_by=self.person, parent=fields["parent"],
            actor=self.actor,
        )  # fmt: skip
        return self.made(file)

    def made(self, file: TuningFile) -> Response:
        response = self.answer(file, 201, shapes.TuningFileDetailSerializer)
        response["Location"] = reverse("finetuning-api:file-detail", args=[file.pk], request=self.request)
        return response

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove the content for good. 409 while a job that is not over needs it."""
        files.delete_file(file=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(
        responses={
            (200, "application/jsonl"): OpenApiResponse(
                OpenApiTypes.BINARY, description="The bytes as they were uploaded.",
                examples=[OpenApiExample("JSONL", _LINE, media_type="application/jsonl")],
            )
        }
    )  # fmt: skip
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def content(self, request: Request, pk: str) -> Download:
        """The file itself."""
        return download(self.get_object())

    @extend_schema(responses=shapes.TuningFileSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """All versions of its family that are not deleted, oldest first."""
        rows = self.get_queryset().filter(family=self.get_object().family).order_by("version")
        return Response(shapes.TuningFileSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @extend_schema(parameters=[reports.DatasetDifferenceQuerySerializer], responses=reports.DatasetDifferenceSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def diff(self, request: Request, pk: str) -> Response:
        """What became of the lines of another file of the project, its parent by default, in this one. Values are
        redacted."""
        file = self.get_object()
        asked = reports.DatasetDifferenceQuerySerializer(
            data=request.query_params, context=self.get_serializer_context()
        )
        asked.is_valid(raise_exception=True)
        other = asked.validated_data["against"] or file.parent
        if other is None or other.project_id != file.project_id:
            raise Invalid("nothing_to_compare", "Name another file of the same project.", field="against")
        found = files.diff_versions(other, file, shown=asked.validated_data["shown"])
        return self.answer(found, 200, reports.DatasetDifferenceSerializer)

    @extend_schema(responses=reports.DatasetReportSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def report(self, request: Request, pk: str) -> Response:
        """The newest quality report. 404 before there is one."""
        file = self.get_object()
        if file.report is None:
            raise Http404
        return Response(file.report)

    @extend_schema(
        request={"application/json": work.FromTrafficSerializer},
        responses={201: shapes.TuningFileDetailSerializer, 202: _QUEUED},
        parameters=[_LOCATION],
    )
    @action(detail=False, methods=["post"], url_path="from-traffic", parser_classes=(BoundedJSONParser,))
    def from_traffic(self, request: Request) -> Response:
        """A file of logged requests and their answers: with consent, redacted, without repeats, sampled in the shares
        of its strata. `lineage` says how it was made and how far it is from last week's traffic."""
        given = self.validated(work.FromTrafficSerializer)
        chosen, sampling = work.FromTrafficSerializer.parts(given)
        project, parent = given["project"], given["parent"]
        if runs.is_much(project, chosen):
            job = runs.request_from_traffic(
                project=project, name=given["name"], chosen=chosen, consent=given["consent"], sampling=sampling,
                parent=parent, actor=self.actor,
            )  # fmt: skip
            return accepted(request, job)
        file = files.build_from_traffic(
            project=project, name=given["name"], chosen=chosen, consent=given["consent"], sampling=sampling,
            created_by=self.person, actor=self.actor, parent=parent,
        )  # fmt: skip
        return self.made(file)


class JudgingViewSet(FileResource):
    """`validate-data` and `optimize-data`."""

    lookup_url_kwarg = "file_id"
    roles = {"validate": KEY_MAKERS, "optimize": KEY_MAKERS}
    parser_classes = (BoundedJSONParser,)
    filter_backends = ()

    @extend_schema(
        operation_id="fine_tuning_validate_data",
        request=reports.JudgingRequestSerializer,
        responses={200: reports.JudgedDatasetSerializer, 202: _QUEUED},
    )
    def validate(self, request: Request, file_id: str) -> Response:
        """Every line through every check: format, tokens, duplicates, wrong labels, leaks, secrets. The report is kept
        with the file. A large file is judged in the background."""
        file, validation, wanted = self._asked()
        if not runs.is_small(file, validation):
            return self._later(runs.VALIDATE, file, validation, wanted)
        runs.validate_file(file=file, validation=validation, wanted=wanted, at=timezone.now().date())
        return self.answer({"file": file, "report": file.report}, 200, reports.JudgedDatasetSerializer)

    @extend_schema(
        operation_id="fine_tuning_optimize_data",
        request=reports.JudgingRequestSerializer,
        responses={
            200: OpenApiResponse(reports.OptimizedDatasetSerializer, description="Nothing was to be done."),
            201: OpenApiResponse(reports.OptimizedDatasetSerializer, description="A new version."),
            202: _QUEUED,
        },
    )
    def optimize(self, request: Request, file_id: str) -> Response:
        """A new version in which is mended what can be without guessing, with what was done and what it saves. The old
        one stays as it is."""
        file, validation, wanted = self._asked()
        if not runs.is_small(file, validation):
            return self._later(runs.OPTIMIZE, file, validation, wanted)
        version, mending = runs.optimize_file(
            file=file, validation=validation, wanted=wanted, at=timezone.now().date(), actor=self.actor,
            created_by=self.person,
        )  # fmt: skip
        is_new = version is not file
        return self.answer(
            _told(version, mending, is_new=is_new), 201 if is_new else 200, reports.OptimizedDatasetSerializer
        )

    def _asked(self) -> tuple[TuningFile, TuningFile | None, runs.Wanted]:
        file = self.get_object()
        given = self.validated(reports.JudgingRequestSerializer)
        wanted = runs.Wanted(given["provider"], given["model"], given["epochs"], given["label_noise"])
        return file, given["validation_file"], wanted

    def _later(self, kind: str, file: TuningFile, validation: TuningFile | None, wanted: runs.Wanted) -> Response:
        job = runs.request_judging(action=kind, file=file, validation=validation, wanted=wanted, actor=self.actor)
        return accepted(self.request, job)


def _told(version: TuningFile, mending: Mending, *, is_new: bool) -> dict[str, Any]:
    done = mending.done
    before, after = done.before, done.after
    amount = None if before.amount is None or after.amount is None else before.amount - after.amount
    removed = sum(1 for change in done.changes if change.action == "removed")
    return {
        "file": version, "is_new": is_new, "removed": removed, "changed": len(done.changes) - removed,
        "changes": done.changes[:SHOWN_CHANGES], "difference": mending.difference, "before": before, "after": after,
        "saved": {"tokens": before.tokens.billable - after.tokens.billable, "amount": amount}, "left": done.left,
    }  # fmt: skip


class RunViewSet(RetrieveModelMixin, Resource):
    """Work on files in the background."""

    queryset = Job.objects.all()
    serializer_class = work.FileRunSerializer
    roles = {"retrieve": MEMBERS}
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Job]:
        rows = Job.objects.filter(kind=runs.KIND)
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        projects = Project.objects.visible_to(self.request.user).filter(organization=self.organization)
        seen = [str(pk) for pk in projects.values_list("pk", flat=True)]
        return rows.filter(organization=self.organization, parameters__project__in=seen)


def accepted(request: Request, job: Job) -> Response:
    """202 with where to look."""
    response = Response(work.FileRunSerializer(job, context={"request": request}).data, status=202)
    response["Location"] = reverse("finetuning-api:file-run-detail", args=[job.pk], request=request)
    return response


class UploadViewSet(RetrieveModelMixin, FileResource):
    """Uploads in parts: what breaks off goes on where it stopped."""

    serializer_class = work.TuningUploadSerializer
    roles = {
        "retrieve": KEY_MAKERS, "create": KEY_MAKERS, "part": KEY_MAKERS, "complete": KEY_MAKERS,
        "destroy": KEY_MAKERS,
    }  # fmt: skip
    filter_backends = ()

    def chosen(self, rows: TuningFileQuerySet) -> TuningFileQuerySet:
        return rows.uploads()

    def retrieve(self, request: Request, pk: str) -> Response:
        """What has arrived."""
        return self.answer(self.get_object())

    @extend_schema(request=work.TuningUploadRequestSerializer, responses={201: work.TuningUploadSerializer})
    def create(self, request: Request) -> Response:
        """Begin an upload. Send its parts, numbered from 1, in any order; then complete it."""
        given = self.validated(work.TuningUploadRequestSerializer)
        upload = uploads.begin_upload(
            project=given["project"], name=given["name"], purpose=given["purpose"], parent=given["parent"],
            expected_bytes=given["size_bytes"], created_by=self.person, actor=self.actor,
        )  # fmt: skip
        return self.answer(upload, 201)

    @extend_schema(
        request={"multipart/form-data": work.UploadPartRequestSerializer},
        responses=work.UploadPartSerializer,
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="From 1.")],
    )
    @action(
        detail=True, methods=["put"], url_path=r"parts/(?P<number>[0-9]{1,5})", parser_classes=(MultiPartParser,)
    )  # fmt: skip
    def part(self, request: Request, pk: str, number: str) -> Response:
        """Send one part of up to 64 MiB; sent again it replaces the former."""
        refuse_large(request, uploads.MAX_PART_BYTES)
        data = self.validated(work.UploadPartRequestSerializer)["data"]
        part = uploads.add_upload_part(
            upload=self.get_object(), content=data.chunks(PART_BYTES), number=int(number)
        )  # fmt: skip
        return self.answer(part, 200, work.UploadPartSerializer)

    @extend_schema(request=work.UploadCompletionSerializer, responses=work.TuningUploadSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Make the file of parts 1, 2, 3 … 409 while one is missing or they do not add up; completing again changes
        nothing."""
        given = self.validated(work.UploadCompletionSerializer)
        return self.answer(
            uploads.complete_upload(upload=self.get_object(), actor=self.actor, sha256=given["sha256"])
        )  # fmt: skip

    def destroy(self, request: Request, pk: str) -> Response:
        """Cancel it; its parts are removed."""
        uploads.cancel_upload(upload=self.get_object(), actor=self.actor)
        return Response(status=204)
