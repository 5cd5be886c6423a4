"""`/v1/files` of fine-tuning. Source: OpenAI API reference, "Files". Ids begin with `file-ft-`."""

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from finetuning.api.downloads import download
from finetuning.choices import FilePurpose
from finetuning.content import LIMIT_BYTES
from finetuning.front.base import FrontView, limit_of, page_of
from finetuning.models import TuningFile
from finetuning.models.files import PREFIX
from finetuning.services.files import create_file, delete_file
from finetuning.services.files.storing import PART_BYTES
from gateway.downloads import Download
from gateway.services.errors import Invalid, TooLarge

FORM_ROOM_BYTES = 1 << 20


def as_file(file: TuningFile) -> dict[str, Any]:
    """The file object."""
    return {
        "id": file.public_id, "object": "file", "bytes": file.size_bytes, "filename": file.name,
        "created_at": int(file.created_at.timestamp()), "purpose": file.purpose, "status": str(file.status),
        "status_details": file.status_details or None, "expires_at": None,
    }  # fmt: skip


def pk_of(name: str, prefix: str = PREFIX) -> UUID:
    """The row that a public id names. Raises `Http404` for an id of another shape."""
    digits = name.removeprefix(prefix)
    if digits == name or len(digits) != 32:
        raise Http404
    try:
        return UUID(digits)
    except ValueError:
        raise Http404 from None


def refuse_large(request: Request, limit: int = LIMIT_BYTES) -> None:
    """By the announced length, before the body is parsed. Raises `TooLarge`."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit + FORM_ROOM_BYTES:
        raise TooLarge("file_too_large", f"A file may have up to {limit >> 20} MiB.", field="file")


class FilesView(FrontView):
    parser_classes = (MultiPartParser,)

    def get(self, request: Request) -> Response:
        """Files of the key's project, newest first, or oldest with `order=asc`."""
        rows = TuningFile.objects.ready().filter(project=self.project)
        if purpose := request.query_params.get("purpose"):
            rows = rows.filter(purpose=purpose)
        ascends = _order(request) == "asc"
        if after := request.query_params.get("after"):
            place = pk_of(after)
            rows = rows.filter(pk__gt=place) if ascends else rows.filter(pk__lt=place)
        limit = limit_of(request)
        found = list(rows.order_by("pk" if ascends else "-pk")[: limit + 1])
        return Response(page_of(map(as_file, found[:limit]), has_more=len(found) > limit))

    def post(self, request: Request) -> Response:
        """Upload a whole file of up to 512 MiB; longer ways go by `/v1/uploads`."""
        refuse_large(request)
        form: Any = request.data
        file, purpose = request.FILES.get("file"), form.get("purpose")
        if file is None:
            raise Invalid("invalid_request", "'file' is required and must be a file.", field="file")
        if purpose != FilePurpose.FINE_TUNE:
            raise Invalid("invalid_request", "'purpose' must be 'fine-tune' here.", field="purpose")
        if any(name.startswith("expires_after") for name in form):
            raise Invalid("invalid_request", "Files do not expire here; delete them.", field="expires_after")
        made = create_file(
            project=self.project, name=file.name or "data.jsonl", purpose=purpose, content=file.chunks(PART_BYTES),
            created_by=self.key.user, actor=self.key,
        )  # fmt: skip
        return Response(as_file(made))


class OneFileView(FrontView):
    def file(self, name: str) -> TuningFile:
        """The project's file. Raises `Http404`."""
        found = TuningFile.objects.ready().filter(project=self.project, pk=pk_of(name)).first()
        if found is None:
            raise Http404
        return found


class FileView(OneFileView):
    def get(self, request: Request, name: str) -> Response:
        return Response(as_file(self.file(name)))

    def delete(self, request: Request, name: str) -> Response:
        file = delete_file(file=self.file(name), actor=self.key)
        return Response({"id": file.public_id, "object": "file", "deleted": True})


class ContentView(OneFileView):
    def get(self, request: Request, name: str) -> Download:
        return download(self.file(name))


def _order(request: Request) -> str:
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Invalid("invalid_request", "'order' must be 'asc' or 'desc'.", field="order")
    return order
