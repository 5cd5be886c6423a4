"""An archive written again without the names of end users who were erased. No figure of it changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gateway.ledger.archive.manifest import Manifest, instant
from gateway.ledger.archive.reading import Wanted, groups
from gateway.ledger.archive.stores import Store
from gateway.ledger.archive.writing import GROUP_ROWS, BrokenArchive, Digest, Progress, Target, faults

CLEARED = ("client_ip_hash", "request_hmac", "prefix_hmacs")
"""Columns that are emptied with the name, as the ledger's lines are."""
DECIDING = ("organization", "end_user", "started_at")
NAME_CHARS = 200


def kept(name: str) -> str:
    """A name as figures keep it: spellings that are one end user there are one here."""
    return name.strip("\x01\x02")[:NAME_CHARS]


@dataclass(frozen=True, slots=True)
class Renaming:
    """An end user of one organization becomes `pseudonym` in calls that began before `before`."""

    organization: str
    name: str
    pseudonym: str
    before: datetime


class Renamings:
    """Which lines of a table become whose."""

    def __init__(self, renamings: Iterable[Renaming]) -> None:
        self._by_name: dict[tuple[str, str], list[Renaming]] = {}
        for one in sorted(renamings, key=lambda renaming: renaming.before):
            self._by_name.setdefault((one.organization, kept(one.name)), []).append(one)
        self.organizations = sorted({organization for organization, _ in self._by_name})

    def places(self, table: Any) -> dict[int, Renaming]:
        """Number of a line → what it becomes. The table has the deciding columns at least."""
        from pyarrow import array, compute

        mine = compute.is_in(table.column("organization"), value_set=array(self.organizations))
        named = compute.and_(mine, compute.is_valid(table.column("end_user")))
        numbers = compute.indices_nonzero(named)
        columns = (table.column(name).take(numbers).to_pylist() for name in DECIDING)
        found = {}
        for number, owner, name, at in zip(numbers.to_pylist(), *columns, strict=True):
            choices = self._by_name.get((owner, kept(name)), ())
            if fitting := next((one for one in choices if at < one.before), None):
                found[number] = fitting
        return found


def lines_of(store: Store, manifest: Manifest, renamings: Renamings, progress: Progress) -> Counter[Renaming]:
    """How many lines each would change. Only the deciding columns are read, and those groups that can hold one."""
    found: Counter[Renaming] = Counter()
    for organization in renamings.organizations:
        for group in groups(store, manifest, Wanted(organization)):
            progress(0, manifest.facts.rows)
            table = group.source.read_row_group(group.number, columns=list(DECIDING))
            places = renamings.places(table).values()
            found.update(one for one in places if one.organization == organization)
    return found


def rewrite(
    store: Store, manifest: Manifest, target: Target, renamings: Renamings, progress: Progress
) -> tuple[Manifest, Counter[Renaming]]:
    """Write the archive again at `target`, read it back, and compare it with what the former manifest says: every count
    and sum is the same, but for the values that were cleared. The former file stays. Raises `BrokenArchive`."""
    if problems := faults(store, manifest, progress):
        raise BrokenArchive(f"{store.name}/{manifest.key}: {'; '.join(problems)}")
    store.sweep(target.prefix)
    changed: Counter[Renaming] = Counter()
    values = Counter(manifest.facts.values)
    with store.writing(target.key) as sink:
        digest = Digest(sink)
        _write_changed(store, manifest, digest, renamings, progress, changed, values)
    new = replace(
        manifest, part=target.part, key=target.key, size_bytes=digest.size, sha256=digest.hash.hexdigest(),
        written_at=instant(datetime.now(UTC)), facts=replace(manifest.facts, values=dict(values)),
    )  # fmt: skip
    if problems := faults(store, new, progress):
        raise BrokenArchive(f"{store.name}/{target.key}: {'; '.join(problems)}")
    with store.writing(target.manifest_key) as sink:
        sink.write(new.to_json())
    return new, changed


def _write_changed(
    store: Store, manifest: Manifest, digest: Digest, renamings: Renamings, progress: Progress,
    changed: Counter[Renaming], values: Counter[str],
) -> None:  # fmt: skip
    from pyarrow import parquet

    done = 0
    with store.open(manifest.key) as file:
        source = parquet.ParquetFile(file)
        with parquet.ParquetWriter(digest, source.schema_arrow, compression="zstd") as writer:
            for number in range(source.num_row_groups):
                group = source.read_row_group(number)
                places = renamings.places(group)
                changed.update(places.values())
                writer.write_table(_renamed(group, places, values), row_group_size=GROUP_ROWS)
                done += group.num_rows
                progress(done, source.metadata.num_rows)


def _renamed(table: Any, places: dict[int, Renaming], values: Counter[str]) -> Any:
    """The table with the lines at `places` changed; `values` loses what is cleared."""
    import pyarrow

    if not places:
        return table
    for name in ("end_user", *(name for name in CLEARED if name in table.schema.names)):
        found, number = table.column(name).to_pylist(), table.schema.get_field_index(name)
        for place, renaming in places.items():
            if name == "end_user":
                found[place] = renaming.pseudonym
            elif found[place] is not None:
                found[place] = None
                values[name] -= 1
        field = table.schema.field(number)
        table = table.set_column(number, field, pyarrow.array(found, type=field.type))
    return table
