"""An archive written again without the names of end users who were erased. No figure of it changes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gateway.ledger.archive.manifest import Manifest, instant
from gateway.ledger.archive.reading import Wanted, groups
from gateway.ledger.archive.stores import Store
from gateway.ledger.archive.writing import BrokenArchive, Progress, Target, faults, finish, tables_of, write_files

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
    and sum is the same, but for the values that were cleared. The former files stay. Raises `BrokenArchive`."""
    if problems := faults(store, manifest, progress):
        raise BrokenArchive("; ".join(problems))
    changed: Counter[Renaming] = Counter()
    values = Counter(manifest.facts.values)
    groups = _changed(store, manifest, renamings, changed, values)
    files = write_files(store, target, groups, _schema(store, manifest), manifest.facts.rows, progress)
    new = replace(
        manifest, part=target.part, files=files, written_at=instant(datetime.now(UTC)),
        facts=replace(manifest.facts, values=dict(values)),
    )  # fmt: skip
    finish(store, target, new, progress)
    return new, changed


def _schema(store: Store, manifest: Manifest) -> Any:
    """Of the files as they are: an older archive lacks columns."""
    from pyarrow import parquet

    with store.open(manifest.files[0].key) as file:
        return parquet.ParquetFile(file).schema_arrow


def _changed(
    store: Store, manifest: Manifest, renamings: Renamings, changed: Counter[Renaming], values: Counter[str]
) -> Iterator[Any]:
    """Every group of lines as it becomes."""
    for about in manifest.files:
        with store.open(about.key) as file:
            for group in tables_of(file):
                places = renamings.places(group)
                changed.update(places.values())
                yield _renamed(group, places, values)


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
