"""Training files: taken in pieces, versioned, inspected, mended, built from traffic. Content is encrypted at rest."""

from finetuning.services.files.counting import count_tokens
from finetuning.services.files.judging import diff_versions, inspect_file, mend_file
from finetuning.services.files.reading import blocks_of, open_file, path_of
from finetuning.services.files.storing import FileRefused, create_file, delete_file
from finetuning.services.files.traffic import build_from_traffic
from finetuning.services.files.uploads import add_upload_part, begin_upload, cancel_upload, complete_upload, parts_of

__all__ = [
    "FileRefused",
    "add_upload_part",
    "begin_upload",
    "blocks_of",
    "build_from_traffic",
    "cancel_upload",
    "complete_upload",
    "count_tokens",
    "create_file",
    "delete_file",
    "diff_versions",
    "inspect_file",
    "mend_file",
    "open_file",
    "parts_of",
    "path_of",
]
