"""A table of the ledger into one Parquet file, and back again for comparing. Memory holds one group of rows."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

import psycopg

from gateway.ledger.archive.columns import ORDER, SUMMED, arrow_schema, selection
from gateway.ledger.archive.manifest import Facts, Manifest, instant, plain
from gateway.ledger.archive.stores import Sink, Store
from gateway.ledger.schema import COLUMNS

GROUP_ROWS = 50_000
FETCH_ROWS = 10_000
READ_BYTES = 1 << 20
Progress = Callable[[int, int], None]
"""Called with the rows that are done and those there are; it may raise to stop the work."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be archived, and its name in the store."""

    table: str
    month: str
    part: int

    @property
    def prefix(self) -> str:
        return f"ledger/{self.month}/{self.part:03d}"

    @property
    def key(self) -> str:
        return f"{self.prefix}/lines.parquet"

    @property
    def manifest_key(self) -> str:
        return f"{self.prefix}/manifest.json"


class BrokenArchive(RuntimeError):
    """The stored file is not what was written; the table stays."""


def write(connection: psycopg.Connection[Any], store: Store, target: Target, progress: Progress) -> Manifest:
    """Archive the table, read it back, compare, and only then write the manifest: where there is one, the file beside
    it is complete. `connection`: autocommit. Raises `BrokenArchive`."""
    store.sweep(target.prefix)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        facts = facts_of_table(connection, target.table)
        with store.writing(target.key) as sink:
            digest = Digest(sink)
            _write_rows(connection, target.table, digest, facts.rows, progress)
    manifest = Manifest(
        table=target.table, month=target.month, part=target.part, key=target.key, size_bytes=digest.size,
        sha256=digest.hash.hexdigest(), written_at=instant(datetime.now(UTC)), columns=dict(COLUMNS), facts=facts,
    )  # fmt: skip
    if problems := faults(store, manifest, progress):
        raise BrokenArchive(f"{store.name}/{target.key}: {'; '.join(problems)}")
    with store.writing(target.manifest_key) as sink:
        sink.write(manifest.to_json())
    return manifest


def faults(store: Store, manifest: Manifest, progress: Progress) -> list[str]:
    """What is wrong with a stored archive; it is read twice, as bytes and as lines. Empty: nothing."""
    try:
        with store.open(manifest.key) as file:
            if (found := _sha256(file)) != manifest.sha256:
                return [f"SHA-256 {found} instead of {manifest.sha256}"]
            file.seek(0)
            read = facts_of_file(file, tuple(manifest.columns), progress)
    except FileNotFoundError:
        return ["the file is not there"]
    return [f"{name} differs" for name in manifest.facts.differences(read)]


# ---- out -----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Digest:
    """Passes bytes on, and counts and hashes them."""

    sink: Sink
    hash: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    closed: bool = False

    def write(self, data: Any) -> int:
        content = bytes(data)
        self.hash.update(content)
        self.size += len(content)
        self.sink.write(content)
        return len(content)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing waits here."""

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """The store ends the file."""


def _write_rows(connection: psycopg.Connection[Any], table: str, sink: Digest, total: int, progress: Progress) -> None:
    import pyarrow
    from pyarrow import parquet

    schema, done = arrow_schema(), 0
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batches in _groups(connection, table, schema):
            group = pyarrow.Table.from_batches(batches, schema=schema)
            writer.write_table(group, row_group_size=GROUP_ROWS)
            done += group.num_rows
            progress(done, total)


def _groups(connection: psycopg.Connection[Any], table: str, schema: Any) -> Iterator[list[Any]]:
    """Batches of `FETCH_ROWS` lines, as many as make a group; one company's lines lie together, by time."""
    import pyarrow

    with connection.cursor(name="archive") as cursor:
        cursor.execute(f"SELECT {selection()} FROM {table} ORDER BY {ORDER}")
        batches: list[Any] = []
        while rows := cursor.fetchmany(FETCH_ROWS):
            values = zip(*rows, strict=True)
            arrays = [pyarrow.array(column, type=kind) for column, kind in zip(values, schema.types, strict=True)]
            batches.append(pyarrow.record_batch(arrays, schema=schema))
            if len(batches) == GROUP_ROWS // FETCH_ROWS:
                yield batches
                batches = []
        if batches:
            yield batches


# ---- facts ---------------------------------------------------------------------------------------------------------
def facts_of_table(connection: psycopg.Connection[Any], table: str) -> Facts:
    """One pass over the table."""
    counts = ", ".join(f'count("{name}")' for name in COLUMNS)
    sums = ", ".join(f'sum("{name}")' for name in SUMMED)
    row = connection.execute(
        f"SELECT count(*), min(started_at), max(started_at), min(booked_at), max(booked_at), "
        f"array_agg(DISTINCT organization::text), {counts}, {sums} FROM {table}"
    ).fetchone()
    assert row is not None
    values, amounts = row[6 : 6 + len(COLUMNS)], row[6 + len(COLUMNS) :]
    return Facts(
        rows=row[0], values=dict(zip(COLUMNS, values, strict=True)),
        sums={name: plain(amount) for name, amount in zip(SUMMED, amounts, strict=True)},
        first=instant(row[1]), last=instant(row[2]), booked_first=instant(row[3]), booked_last=instant(row[4]),
        organizations=tuple(sorted(row[5] or [])),
    )  # fmt: skip


def facts_of_file(file: IO[bytes], columns: tuple[str, ...], progress: Progress) -> Facts:
    """From the lines themselves, group by group, not from what the file says of itself."""
    from pyarrow import parquet

    found = _Tally(columns)
    source = parquet.ParquetFile(file)
    for group in range(source.num_row_groups):
        found.add(source.read_row_group(group))
        progress(found.rows, source.metadata.num_rows)
    return found.facts()


@dataclass(slots=True)
class _Tally:
    """Facts while they are gathered."""

    columns: tuple[str, ...]
    rows: int = 0
    values: dict[str, int] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)
    bounds: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    organizations: set[str] = field(default_factory=set)

    def add(self, table: Any) -> None:
        from pyarrow import compute, decimal128

        self.rows += table.num_rows
        for name in self.columns:
            column = table.column(name)
            self.values[name] = self.values.get(name, 0) + len(column) - column.null_count
            if name in SUMMED:
                amount = compute.sum(column.cast(decimal128(38, 10))).as_py()
                self.sums[name] = self.sums.get(name, Decimal(0)) + (amount or 0)
        for name in ("started_at", "booked_at"):
            found = compute.min_max(table.column(name)).as_py()
            first, last = self.bounds.get(name, (found["min"], found["max"]))
            self.bounds[name] = (min(first, found["min"]), max(last, found["max"]))
        self.organizations |= set(compute.unique(table.column("organization")).to_pylist())

    def facts(self) -> Facts:
        started, booked = self.bounds.get("started_at", (None, None)), self.bounds.get("booked_at", (None, None))
        return Facts(
            rows=self.rows, values={name: self.values.get(name, 0) for name in self.columns},
            sums={name: plain(self.sums.get(name, Decimal(0))) for name in SUMMED if name in self.columns},
            first=instant(started[0]), last=instant(started[1]), booked_first=instant(booked[0]),
            booked_last=instant(booked[1]), organizations=tuple(sorted(self.organizations)),
        )  # fmt: skip


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while data := file.read(READ_BYTES):
        digest.update(data)
    return digest.hexdigest()
