"""Content of files as answers, decrypted on its way."""

from finetuning.choices import FilePurpose
from finetuning.models import TuningFile
from finetuning.services.files import blocks_of
from gateway.downloads import Download

CONTENT_TYPES = {FilePurpose.FINE_TUNE: "application/jsonl", FilePurpose.RESULTS: "text/csv; charset=utf-8"}


def download(file: TuningFile) -> Download:
    """At most 1 MiB of it is in memory. Raises as `blocks_of`."""
    content_type = CONTENT_TYPES[FilePurpose(file.purpose)]
    return Download(blocks_of(file), name=file.name, content_type=content_type, size_bytes=file.size_bytes)
