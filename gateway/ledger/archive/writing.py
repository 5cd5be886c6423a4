"""A table of the ledger into Parquet files, and back again for comparing. Memory holds one group of rows."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

import psycopg

from gateway.ledger.archive.columns import ORDER, SUMMED, arrow_schema, selection
from gateway.ledger.archive.manifest import Facts, File, Manifest, instant, plain
from gateway.ledger.archive.stores import Sink, Store
from gateway.ledger.schema import COLUMNS

GROUP_ROWS = 50_000
FILE_ROWS = 10_000_000
"""Lines of one file, a gigabyte or two: what a failed upload repeats, and what a reader outside the gateway opens."""
FETCH_ROWS = 10_000
READ_BYTES, SAID_BYTES = 1 << 20, 1 << 28
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

    def file_key(self, number: int) -> str:
        """From 1; names stand in the order of the lines."""
        return f"{self.prefix}/lines-{number:04d}.parquet"

    @property
    def manifest_key(self) -> str:
        return f"{self.prefix}/manifest.json"


class BrokenArchive(RuntimeError):
    """The stored file is not what was written; the table stays."""


def write(connection: psycopg.Connection[Any], store: Store, target: Target, progress: Progress) -> Manifest:
    """Archive the table, read it back, compare, and only then write the manifest: where there is one, the files beside
    it are complete. `connection`: autocommit. Raises `BrokenArchive`."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        facts = facts_of_table(connection, target.table)
        schema = arrow_schema()
        files = write_files(store, target, _groups(connection, target.table, schema), schema, facts.rows, progress)
    manifest = Manifest(
        table=target.table, month=target.month, part=target.part, files=files,
        written_at=instant(datetime.now(UTC)), columns=dict(COLUMNS), facts=facts,
    )  # fmt: skip
    finish(store, target, manifest, progress)
    return manifest


def finish(store: Store, target: Target, manifest: Manifest, progress: Progress) -> None:
    """Read what was written back and write its manifest. Raises `BrokenArchive`."""
    if problems := faults(store, manifest, progress):
        raise BrokenArchive(f"{store.name}/{target.prefix}: {'; '.join(problems)}")
    with store.writing(target.manifest_key) as sink:
        sink.write(manifest.to_json())


def clear(store: Store, target: Target) -> None:
    """Delete whatever there is of it: the manifest first, since it says that the rest is whole."""
    store.sweep(target.prefix)
    store.delete(target.manifest_key)
    for key in store.keys(target.prefix):
        store.delete(key)


def faults(store: Store, manifest: Manifest, progress: Progress) -> list[str]:
    """What is wrong with a stored archive; it is read twice, as bytes and as lines. Empty: nothing."""
    found, total = _Tally(tuple(manifest.columns)), manifest.facts.rows
    for about in manifest.files:
        one = _Tally(tuple(manifest.columns))
        try:
            with store.open(about.key) as file:
                if (digest := _sha256(file, lambda: progress(found.rows, total))) != about.sha256:
                    return [f"{about.key}: SHA-256 {digest} instead of {about.sha256}"]
                file.seek(0)
                for table in tables_of(file):
                    one.add(table)
                    progress(found.rows + one.rows, total)
        except FileNotFoundError:
            return [f"{about.key} is not there"]
        facts, told = one.facts(), (about.organization_first, about.organization_last)
        if (facts.rows, facts.first, facts.last) != (about.rows, about.first, about.last):
            return [f"{about.key}: rows or bounds differ"]
        if told != ("", "") and _ends(facts.organizations) != told:
            return [f"{about.key}: organizations differ"]
        found.merge(one)
    return [f"{name} differs" for name in manifest.facts.differences(found.facts())]


def _ends(organizations: tuple[str, ...]) -> tuple[str, str]:
    return (organizations[0], organizations[-1]) if organizations else ("", "")


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


def write_files(
    store: Store, target: Target, tables: Iterable[Any], schema: Any, total: int, progress: Progress
) -> tuple[File, ...]:
    """Tables one after the other into files of at most `FILE_ROWS` lines, one file at least."""
    clear(store, target)
    waiting, done = iter(tables), 0
    files: list[File] = []
    table = next(waiting, None)
    while table is not None or not files:
        key = target.file_key(len(files) + 1)
        found = _Tally(())
        with store.writing(key) as sink:
            digest = Digest(sink)
            with _writer(digest, schema) as writer:
                while table is not None and (not found.rows or found.rows + table.num_rows <= FILE_ROWS):
                    writer.write_table(table, row_group_size=GROUP_ROWS)
                    found.add(table)
                    done += table.num_rows
                    progress(done, total)
                    table = next(waiting, None)
        about = found.facts()
        first, last = _ends(about.organizations)
        files.append(File(key, digest.size, digest.hash.hexdigest(), about.rows, about.first, about.last, first, last))
    return tuple(files)


def _writer(digest: Digest, schema: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(digest, schema, compression="zstd")


def _groups(connection: psycopg.Connection[Any], table: str, schema: Any) -> Iterator[Any]:
    """Tables of `GROUP_ROWS` lines, fetched in batches; one company's lines lie together, by time."""
    import pyarrow

    with connection.cursor(name="archive") as cursor:
        cursor.execute(f"SELECT {selection()} FROM {table} ORDER BY {ORDER}")
        batches: list[Any] = []
        while rows := cursor.fetchmany(FETCH_ROWS):
            values = zip(*rows, strict=True)
            arrays = [pyarrow.array(column, type=kind) for column, kind in zip(values, schema.types, strict=True)]
            batches.append(pyarrow.record_batch(arrays, schema=schema))
            if len(batches) == GROUP_ROWS // FETCH_ROWS:
                yield pyarrow.Table.from_batches(batches, schema=schema)
                batches = []
        if batches:
            yield pyarrow.Table.from_batches(batches, schema=schema)


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


def tables_of(file: IO[bytes]) -> Iterator[Any]:
    """The lines themselves, group by group: not what the file says of itself."""
    from pyarrow import parquet

    source = parquet.ParquetFile(file)
    for group in range(source.num_row_groups):
        yield source.read_row_group(group)


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

    def merge(self, other: "_Tally") -> None:
        """Lines of both."""
        self.rows += other.rows
        for name, count in other.values.items():
            self.values[name] = self.values.get(name, 0) + count
        for name, amount in other.sums.items():
            self.sums[name] = self.sums.get(name, Decimal(0)) + amount
        for name, (first, last) in other.bounds.items():
            least, most = self.bounds.get(name, (first, last))
            self.bounds[name] = (min(least, first), max(most, last))
        self.organizations |= other.organizations

    def facts(self) -> Facts:
        started, booked = self.bounds.get("started_at", (None, None)), self.bounds.get("booked_at", (None, None))
        return Facts(
            rows=self.rows, values={name: self.values.get(name, 0) for name in self.columns},
            sums={name: plain(self.sums.get(name, Decimal(0))) for name in SUMMED if name in self.columns},
            first=instant(started[0]), last=instant(started[1]), booked_first=instant(booked[0]),
            booked_last=instant(booked[1]), organizations=tuple(sorted(self.organizations)),
        )  # fmt: skip


def _sha256(file: IO[bytes], alive: Callable[[], None]) -> str:
    digest, read = hashlib.sha256(), 0
    while data := file.read(READ_BYTES):
        digest.update(data)
        if read % SAID_BYTES < READ_BYTES:
            alive()
        read += len(data)
    return digest.hexdigest()
