"""Columns of the ledger as columns of Parquet: exact decimals, microseconds in UTC, ids and JSON as text."""

from typing import Any

from gateway.ledger.schema import COLUMNS, DEFAULTS

TEXT_IN_SQL = frozenset({"uuid", "jsonb"})
"""Read from PostgreSQL as text, so that JSON keeps its digits and every reader of Parquet understands an id."""
SUMMED = tuple(name for name, kind in COLUMNS.items() if kind.startswith(("bigint", "numeric", "integer")))
"""Columns whose sums a manifest holds."""
ORDER = '"organization", "started_at", "id"'


def base(sql_type: str) -> str:
    return sql_type.split()[0].split("(")[0]


def selection(prefix: str = "") -> str:
    """The columns in their order, as they are archived."""
    return ", ".join(
        f'{prefix}"{name}"{"::text" if base(kind) in TEXT_IN_SQL else ""}' for name, kind in COLUMNS.items()
    )


def arrow_schema() -> Any:
    """The Parquet schema of today's ledger."""
    import pyarrow  # optional, and 170 MB

    kinds = {
        "uuid": pyarrow.string(), "text": pyarrow.string(), "jsonb": pyarrow.string(), "smallint": pyarrow.int16(),
        "integer": pyarrow.int32(), "bigint": pyarrow.int64(), "boolean": pyarrow.bool_(),
        "double": pyarrow.float64(), "timestamptz": pyarrow.timestamp("us", tz="UTC"), "bytea": pyarrow.binary(),
        "numeric": pyarrow.decimal128(20, 10),
    }  # fmt: skip
    return pyarrow.schema(
        [pyarrow.field(name, kinds[base(kind)], "NOT NULL" not in kind) for name, kind in COLUMNS.items()]
    )


def default(name: str) -> object:
    """What a line of an archive that is older than the column has there."""
    return DEFAULTS.get(name)
