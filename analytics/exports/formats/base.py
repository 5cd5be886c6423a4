"""What a file format is, and the list of them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from analytics.exports.table import Progress, Table


class FileFormat(Protocol):
    """Writes a table to a file, row by row: memory does not grow with the rows. `needs`: a package of the optional
    extras, empty when there is none."""

    name: str
    label: str
    extension: str
    content_type: str
    max_rows: int
    needs: str

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        """The number of rows written. Raises `TooManyRows`."""
        ...


FORMATS: dict[str, FileFormat] = {}


def register(item: FileFormat) -> None:
    """Add a format; raises ValueError when another one has its name."""
    if item.name in FORMATS and type(FORMATS[item.name]) is not type(item):
        raise ValueError(f"{item.name} is already a format")
    FORMATS[item.name] = item


def unavailable(item: FileFormat) -> str:
    """Why the format cannot be written here; empty when it can."""
    if item.needs and find_spec(item.needs) is None:
        return f"{item.label} needs the package {item.needs}: pip install -r requirements-parquet.txt"
    return ""
