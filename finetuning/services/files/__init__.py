"""Training files: taken in pieces, versioned, inspected, mended, built from traffic. Content is encrypted at rest."""

from finetuning.services.files.counting import count_tokens
from finetuning.services.files.judging import diff_versions, inspect_file, mend_file
from finetuning.services.files.reading import blocks_of, open_file, path_of
from finetuning.services.files.storing import FileRefused, create_file, delete_file

__all__ = [
    "FileRefused",
    "blocks_of",
    "count_tokens",
    "create_file",
    "delete_file",
    "diff_versions",
    "inspect_file",
    "mend_file",
    "open_file",
    "path_of",
]
