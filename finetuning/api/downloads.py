"""Content of files as answers, decrypted on its way."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from finetuning.choices import FilePurpose
from finetuning.models import TuningFile
from finetuning.services.files import blocks_of

CONTENT_TYPES = {FilePurpose.FINE_TUNE: "application/jsonl", FilePurpose.RESULTS: "text/csv; charset=utf-8"}


def download(file: TuningFile) -> StreamingHttpResponse:
    """At most 1 MiB of it is in memory. Raises as `blocks_of`."""
    response = StreamingHttpResponse(_pieces(blocks_of(file)), content_type=CONTENT_TYPES[FilePurpose(file.purpose)])
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
    response["Content-Length"] = str(file.size_bytes)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


async def _pieces(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Of an iterator that asks the database: Django would read a synchronous one to its end before the first byte."""
    following = sync_to_async(lambda: next(blocks, None))
    while (block := await following()) is not None:
        yield block
