"""`/v1/uploads`. Source: OpenAI API reference, "Uploads".

`GET` of an upload, which OpenAI does not have, tells the parts that have arrived: a client that was broken off goes on.
"""

from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from finetuning.choices import FilePurpose
from finetuning.front.base import FrontView
from finetuning.front.files import as_file, pk_of, refuse_large
from finetuning.models import TuningFile
from finetuning.services.files.storing import PART_BYTES
from finetuning.services.files.uploads import (
    MAX_PART_BYTES,
    add_upload_part,
    begin_upload,
    cancel_upload,
    complete_upload,
    parts_of,
    state_of,
)  # fmt: skip
from gateway.api.parsers import BoundedJSONParser
from gateway.services.errors import Invalid

PREFIX = "upload_"
PART_PREFIX = "part_"
SLOT_DIGITS = 5


class NewUpload(serializers.Serializer):
    filename = serializers.CharField(max_length=255)
    purpose = serializers.CharField()
    bytes = serializers.IntegerField(min_value=1)
    mime_type = serializers.CharField(required=False)

    def validate_purpose(self, purpose: str) -> str:
        if purpose != FilePurpose.FINE_TUNE:
            raise serializers.ValidationError("Uploads in parts are for 'fine-tune'; batch files go to /v1/files.")
        return purpose


class Completion(serializers.Serializer):
    part_ids = serializers.ListField(child=serializers.CharField(), allow_empty=False)
    md5 = serializers.RegexField(r"^[0-9a-fA-F]{32}$", required=False)


class UploadsView(FrontView):
    parser_classes = (BoundedJSONParser,)

    def post(self, request: Request) -> Response:
        """Begin an upload; it waits a day for its next part."""
        asked = NewUpload(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        upload = begin_upload(
            project=self.project, name=given["filename"], purpose=given["purpose"], expected_bytes=given["bytes"],
            created_by=self.key.user, actor=self.key,
        )  # fmt: skip
        return Response(as_upload(upload))


class OneUploadView(FrontView):
    parser_classes: Any = (BoundedJSONParser,)

    def upload(self, name: str) -> TuningFile:
        """The project's upload. Raises `Http404`."""
        found = TuningFile.objects.uploads().filter(project=self.project, pk=pk_of(name, PREFIX)).first()
        if found is None:
            raise Http404
        return found


class UploadView(OneUploadView):
    def get(self, request: Request, name: str) -> Response:
        upload = self.upload(name)
        arrived = parts_of(upload) if state_of(upload) == "pending" else []
        parts = [{"id": part_id(upload, part.number), "bytes": part.size_bytes} for part in arrived]
        return Response(as_upload(upload) | {"parts": parts})


class PartsView(OneUploadView):
    parser_classes = (MultiPartParser,)

    def post(self, request: Request, name: str) -> Response:
        upload = self.upload(name)
        refuse_large(request, MAX_PART_BYTES)
        data = request.FILES.get("data")
        if data is None:
            raise Invalid("invalid_request", "'data' is required and must be a file.", field="data")
        part = add_upload_part(upload=upload, content=data.chunks(PART_BYTES))
        said = {"id": part_id(upload, part.number), "object": "upload.part", "upload_id": f"{PREFIX}{upload.pk.hex}",
                "created_at": int(timezone.now().timestamp())}  # fmt: skip
        return Response(said)


class CompleteView(OneUploadView):
    def post(self, request: Request, name: str) -> Response:
        upload = self.upload(name)
        asked = Completion(data=request.data)
        asked.is_valid(raise_exception=True)
        numbers = [number_of(upload, one) for one in asked.validated_data["part_ids"]]
        done = complete_upload(
            upload=upload, numbers=numbers, md5=asked.validated_data.get("md5", ""), actor=self.key
        )  # fmt: skip
        return Response(as_upload(done))


class CancelView(OneUploadView):
    def post(self, request: Request, name: str) -> Response:
        return Response(as_upload(cancel_upload(upload=self.upload(name), actor=self.key)))


def as_upload(upload: TuningFile) -> dict[str, Any]:
    """The upload object."""
    state = state_of(upload)
    expires_at = upload.expires_at or upload.created_at
    return {
        "id": f"{PREFIX}{upload.pk.hex}", "object": "upload", "bytes": upload.expected_bytes,
        "created_at": int(upload.created_at.timestamp()), "expires_at": int(expires_at.timestamp()),
        "filename": upload.name, "purpose": upload.purpose, "status": state,
        "file": as_file(upload) if state == "completed" else None,
    }  # fmt: skip


def part_id(upload: TuningFile, number: int) -> str:
    return f"{PART_PREFIX}{upload.pk.hex}{number:0{SLOT_DIGITS}d}"


def number_of(upload: TuningFile, name: str) -> int:
    """Raises `Invalid` for a part of another upload."""
    head, digits = name[:-SLOT_DIGITS], name[-SLOT_DIGITS:]
    if head != f"{PART_PREFIX}{upload.pk.hex}" or not (digits.isascii() and digits.isdigit()):
        raise Invalid("invalid_request", f"{name[:80]!r} is no part of this upload.", field="part_ids")
    return int(digits)
