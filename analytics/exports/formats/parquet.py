"""Parquet, with pyarrow in row groups; an optional extra."""

from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from analytics.exports.table import Progress, Table, counted

GROUP = 10_000
PLACES = Decimal("1e-10")


class ParquetFormat:
    name = "parquet"
    label = "Parquet"
    extension = "parquet"
    content_type = "application/vnd.apache.parquet"
    max_rows = 5_000_000
    needs = "pyarrow"

    def write(self, table: Table, path: Path, progress: Progress) -> int:
        import pyarrow  # 170 MB that only this format needs
        from pyarrow import parquet

        kinds: dict[str, Any] = {
            "text": pyarrow.string(), "time": pyarrow.timestamp("us", tz="UTC"), "integer": pyarrow.int64(),
            "number": pyarrow.float64(), "ratio": pyarrow.float64(), "money": pyarrow.decimal128(38, 10),
            "boolean": pyarrow.bool_(),
        }  # fmt: skip
        schema = pyarrow.schema(
            [pyarrow.field(column.name, kinds[column.kind]) for column in table.columns],
            metadata={"title": table.title, "currency": table.currency},
        )
        count = 0
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            stream = counted(table, self.max_rows, progress)
            while rows := list(islice(stream, GROUP)):
                arrays = [
                    pyarrow.array([_fit(kind, value) for value in values], type=kind)
                    for kind, values in zip(schema.types, zip(*rows, strict=True), strict=True)
                ]
                writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
                count += len(rows)
        return count


def _fit(kind: Any, value: Any) -> Any:
    """Money to the ten places of its column; ids as text."""
    if value is None:
        return None
    name = str(kind)
    if name.startswith("decimal"):
        return value.quantize(PLACES)
    return str(value) if name == "string" else value
