"""What a file is worth: the quality report, a mended version, the difference of two."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from finetuning.choices import FileOrigin, FilePurpose
from finetuning.models import TuningFile
from finetuning.quality import Options, Report, as_dict, inspect
from finetuning.quality.differences import SHOWN, Differences, compare
from finetuning.quality.mend import Mended, mend
from finetuning.quality.mend.mending import LEFT_OUT, REPAIRED
from finetuning.services.files.reading import path_of
from finetuning.services.files.storing import PART_BYTES, create_file
from gateway.models import User
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

KEPT_FINDINGS = 200
"""Of each kind, with a stored report; all are counted."""
MENDABLE = LEFT_OUT | REPAIRED


def inspect_file(
    file: TuningFile, *, validation: TuningFile | None = None, options: Options | None = None
) -> Report:  # fmt: skip
    """Read a file through every check and keep score and report with it. `validation`: its held-out file, for leaks.
    Raises `Invalid` (`not_training_data`, `validation_not_found`), else as `blocks_of`."""
    check_data(file, validation)
    with path_of(file) as path, _path_or_none(validation) as other:
        report = named(inspect(path, validation=other, options=options or default_options()), file, validation)
    keep_report(file, report)
    return report


def default_options(**changes: Any) -> Options:
    return Options(findings_per_kind=KEPT_FINDINGS, **changes)


def check_data(file: TuningFile, validation: TuningFile | None = None) -> None:
    """Raises `Invalid`."""
    if file.purpose != FilePurpose.FINE_TUNE:
        raise Invalid("not_training_data", "The file holds results of a job, not training data.", field="file")
    if validation is not None and validation.project_id != file.project_id:
        message = "The validation file is not in the same project."
        raise Invalid("validation_not_found", message, field="validation_file")


@contextmanager
def _path_or_none(file: TuningFile | None) -> Iterator[Path | None]:
    with nullcontext() if file is None else path_of(file) as path:
        yield path


def named(report: Report, file: TuningFile, validation: TuningFile | None = None) -> Report:
    """With the files' names instead of the temporary paths."""
    other = report.validation
    if other is not None and validation is not None:
        other = replace(other, path=validation.name)
    return replace(report, path=file.name, validation=other)


@transaction.atomic
def keep_report(file: TuningFile, report: Report) -> None:
    """The newest one stays; nothing is kept of a file that was deleted meanwhile."""
    locked = TuningFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
    if locked.deleted_at is None:
        locked.score, locked.report, locked.inspected_at = report.score, as_dict(report), timezone.now()
        locked.save(update_fields=["score", "report", "inspected_at", "updated_at"])
    file.score, file.report, file.inspected_at = locked.score, locked.report, locked.inspected_at


@dataclass(frozen=True, slots=True)
class Mending:
    """`done`: both reports, and line by line what was done and why; `difference`: what the lines were and became."""

    done: Mended
    difference: Differences


def mend_file(
    file: TuningFile, *, actor: Actor, created_by: User | None = None, validation: TuningFile | None = None,
    options: Options | None = None, kinds: frozenset[str] = MENDABLE,
) -> tuple[TuningFile, Mending]:  # fmt: skip
    """A new version with what can be mended mended, and what that was. When nothing is to be done, `file` itself. Both
    keep their reports. Raises `Invalid` (`not_training_data`, `nothing_left`), else as
    `blocks_of`."""
    check_data(file, validation)
    options = options or default_options()
    with path_of(file) as path, _path_or_none(validation) as other:
        output = path.with_name(f"{path.name}.mended")
        try:
            done = _named(mend(path, output, validation=other, options=options, kinds=kinds), file, validation)
            if done.changes and not output.stat().st_size:
                raise Invalid("nothing_left", "No line of the file can be used as it is or repaired.", field="file")
            version = _version(file, output, done, actor, created_by) if done.changes else file
            difference = compare(path, output)
        finally:
            output.unlink(missing_ok=True)
    keep_report(file, done.before)
    if version is not file:
        keep_report(version, done.after)
    return version, Mending(done, difference)


def _named(done: Mended, file: TuningFile, validation: TuningFile | None) -> Mended:
    return replace(done, before=named(done.before, file, validation), after=named(done.after, file, validation))


def _version(file: TuningFile, path: Path, done: Mended, actor: Actor, created_by: User | None) -> TuningFile:
    lineage = {
        "made_by": "optimize-data", "kinds": sorted({kind for change in done.changes for kind in change.kinds}),
        "removed": sum(1 for change in done.changes if change.action == "removed"),
        "changed": sum(1 for change in done.changes if change.action == "changed"),
    }  # fmt: skip
    with path.open("rb") as content:
        return create_file(
            project=file.project, name=file.name, content=iter(lambda: content.read(PART_BYTES), b""),
            created_by=created_by, origin=FileOrigin.MENDED, parent=file, lineage=lineage, actor=actor,
        )  # fmt: skip


def diff_versions(old: TuningFile, new: TuningFile, *, shown: int = SHOWN) -> Differences:
    """What became of the lines of `old` in `new`, two files of one project. Raises as `blocks_of`."""
    with path_of(old) as one, path_of(new) as other:
        return compare(one, other, shown=shown)
