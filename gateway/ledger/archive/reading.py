"""Lines of archives: only the columns and the groups of rows that can matter are read."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from gateway.ledger.archive.columns import default
from gateway.ledger.archive.manifest import Manifest
from gateway.ledger.archive.stores import Store

FOOTERS_KEPT = 16
_footers: OrderedDict[str, Any] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Group:
    """Some ten thousand lines of one archive. `first`, `last`: bounds of `started_at`, over all companies in it."""

    source: Any
    number: int
    rows: int
    first: datetime
    last: datetime

    def read(
        self, columns: Sequence[str], *, organization: str | None = None, start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """Lines of one organization (None: of all) that started in `[start, end)`, in the file's order."""
        from pyarrow import compute

        there = [name for name in columns if name in self.source.schema_arrow.names]
        table = self.source.read_row_group(self.number, columns=sorted({*there, "organization", "started_at"}))
        if organization is not None:
            table = table.filter(compute.equal(table.column("organization"), organization))
        if start is not None:
            table = table.filter(compute.greater_equal(table.column("started_at"), start))
        if end is not None:
            table = table.filter(compute.less(table.column("started_at"), end))
        given = {name: table.column(name).to_pylist() for name in there}
        return list(
            zip(*(given.get(name) or [default(name)] * table.num_rows for name in columns), strict=True)
        )  # fmt: skip


def groups(
    store: Store, manifest: Manifest, *, organization: str | None = None, start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[Group]:  # fmt: skip
    """Those whose bounds let in a line of the organization and the window. Raises `FileNotFoundError`."""
    if organization is not None and organization not in manifest.facts.organizations:
        return
    source = _source(store, manifest)
    places = {source.metadata.schema.column(place).name: place for place in range(source.metadata.num_columns)}
    for number in range(source.num_row_groups):
        about = source.metadata.row_group(number)
        owner, time = (about.column(places[name]).statistics for name in ("organization", "started_at"))
        if organization is not None and not owner.min <= organization <= owner.max:
            continue
        if (start is not None and time.max < start) or (end is not None and time.min >= end):
            continue
        yield Group(source, number, about.num_rows, time.min, time.max)


def _source(store: Store, manifest: Manifest) -> Any:
    """The open file; footers are remembered, since a large month's has some megabytes."""
    from pyarrow import parquet

    name = f"{store.name}/{manifest.key} {manifest.sha256}"
    with _lock:
        footer = _footers.get(name)
    source = parquet.ParquetFile(store.open(manifest.key), metadata=footer, pre_buffer=True)
    with _lock:
        _footers[name] = source.metadata
        while len(_footers) > FOOTERS_KEPT:
            _footers.popitem(last=False)
    return source
