"""Lines of archives: only the columns and the groups of rows that can matter are read."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from gateway.ledger.archive.columns import default
from gateway.ledger.archive.manifest import File, Manifest
from gateway.ledger.archive.stores import Store

FOOTERS_KEPT = 64
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

    def read(self, columns: Sequence[str], wanted: "Wanted") -> list[tuple[Any, ...]]:
        """The lines that are wanted, in the file's order. What decides that is read first, the rest where it has to."""
        place = self._places(wanted)
        if place is not None and not len(place):
            return []
        there = [name for name in columns if name in self.source.schema_arrow.names]
        table = self.source.read_row_group(self.number, columns=there)
        if place is not None:
            table = table.take(place)
        given = {name: table.column(name).to_pylist() for name in there}
        return list(zip(*(given.get(name) or [default(name)] * table.num_rows for name in columns), strict=True))

    def _places(self, wanted: "Wanted") -> Any:
        """Where the wanted lines are; None: everywhere."""
        from pyarrow import compute

        tests = wanted.tests()
        if not tests:
            return None
        keys, masks = self.source.read_row_group(self.number, columns=sorted({name for name, _, _ in tests})), None
        for name, operator, value in tests:
            mask = getattr(compute, operator)(keys.column(name), value)
            masks = mask if masks is None else compute.and_(masks, mask)
        return compute.indices_nonzero(masks)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines of one organization that started in `[start, end)`, all of one request. None: whatever it is."""

    organization: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    request_id: str | None = None

    def tests(self) -> list[tuple[str, str, Any]]:
        """Column, function of Arrow, value."""
        given = [
            ("organization", "equal", self.organization), ("started_at", "greater_equal", self.start),
            ("started_at", "less", self.end), ("request_id", "equal", self.request_id),
        ]  # fmt: skip
        return [test for test in given if test[2] is not None]

    def may_be_in(self, organizations: Any, times: Any) -> bool:
        """Whether a group with these least and greatest values can hold such a line."""
        if self.organization is not None and not organizations.min <= self.organization <= organizations.max:
            return False
        if self.start is not None and times.max < self.start:
            return False
        return self.end is None or bool(times.min < self.end)


def groups(store: Store, manifest: Manifest, wanted: Wanted) -> Iterator[Group]:
    """Those that can hold a wanted line. Raises OSError."""
    if wanted.organization is not None and wanted.organization not in manifest.facts.organizations:
        return
    for file in manifest.files:
        if file.rows and _may_be_in(file, wanted):
            yield from _groups(store, file, wanted)


def _may_be_in(file: File, wanted: Wanted) -> bool:
    """By the bounds that the manifest has."""
    owner = wanted.organization
    if owner is not None and file.organization_first and not file.organization_first <= owner <= file.organization_last:
        return False
    if wanted.start is not None and datetime.fromisoformat(file.last) < wanted.start:
        return False
    return wanted.end is None or datetime.fromisoformat(file.first) < wanted.end


def _groups(store: Store, file: File, wanted: Wanted) -> Iterator[Group]:
    source = _source(store, file)
    places = {source.metadata.schema.column(place).name: place for place in range(source.metadata.num_columns)}
    for number in range(source.num_row_groups):
        about = source.metadata.row_group(number)
        owner, time = (about.column(places[name]).statistics for name in ("organization", "started_at"))
        if wanted.may_be_in(owner, time):
            yield Group(source, number, about.num_rows, time.min, time.max)


def _source(store: Store, file: File) -> Any:
    """The open file; footers are remembered, since a large one's has a megabyte."""
    from pyarrow import parquet

    name = f"{store.name}/{file.key} {file.sha256}"
    with _lock:
        footer = _footers.get(name)
    source = parquet.ParquetFile(store.open(file.key), metadata=footer, pre_buffer=True)
    with _lock:
        _footers[name] = source.metadata
        while len(_footers) > FOOTERS_KEPT:
            _footers.popitem(last=False)
    return source
