"""Files of a job: may they be trained on, how long are they, and what a provider measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from finetuning.backends import ReadsResults, Refused, Seen, TuningBackend
from finetuning.choices import Backend, FileFormat, FileOrigin, FilePurpose, FileStatus
from finetuning.estimates import Method
from finetuning.estimates.price import fewest_examples
from finetuning.insights import ResultFileError, read_result_file
from finetuning.models import TuningFile, TuningJob
from finetuning.services import files as contents
from finetuning.services.jobs.telling import record_points, say
from finetuning.services.jobs.times import steps_per_epoch
from gateway.models import Project
from gateway.services.errors import Invalid

FORMATS = {
    Method.SUPERVISED: FileFormat.CHAT, Method.DPO: FileFormat.PREFERENCE,
    Method.REINFORCEMENT: FileFormat.REINFORCEMENT,
}  # fmt: skip
TOO_FEW = "too_few"
"""The report's word for a file that is shorter than OpenAI takes."""
NAMED = 3
"""Errors that a refusal names."""


def check_usable(file: TuningFile, *, project: Project, backend: str, method: Method, field: str) -> None:
    """Raises `Invalid`: not there, not ready, of another method's format, too short for this backend, or with lines
    that vendors refuse."""
    if file.project_id != project.pk or file.deleted_at is not None:
        raise Invalid("file_not_found", "There is no such file in this project.", field=field)
    if file.status != FileStatus.PROCESSED:
        raise Invalid("file_not_ready", f"The file {file.name} is not ready: {file.get_status_display()}.", field=field)
    wanted = FORMATS[method]
    if file.format not in (wanted, FileFormat.UNKNOWN):
        message = f"The method {method} trains on {wanted.label} files; {file.name} is {file.get_format_display()}."
        raise Invalid("file_format", message, field=field)
    if short := too_short(file, backend):
        raise Invalid("too_few_examples", short, field=field)
    if blocks := blocks_of(file.report):
        raise Invalid("file_blocked", f"{file.name}: {'; '.join(blocks)}", field=field)


def too_short(file: TuningFile, backend: str) -> str:
    """Why the backend takes no file with so few lines; empty: it does."""
    fewest = fewest_examples(backend)
    if file.lines is None or file.lines >= fewest:
        return ""
    return f"{Backend(backend).label} takes files of {fewest} examples or more; {file.name} has {file.lines}."


def blocks_of(report: Mapping[str, Any] | None) -> list[str]:
    """What vendors refuse the file for, by its quality report: the first few; empty also when nobody looked yet. How
    many lines it needs is each backend's own to say (`too_short`)."""
    if not report:
        return []
    found = [f"line {one['line']}: {one['message']}" for one in report.get("findings", ()) if _is_error(one)]
    others = (one for one in report.get("observations", ()) if one.get("code") != TOO_FEW)
    found += [one["message"] for one in others if _is_error(one)]
    return [*found[:NAMED], f"and {len(found) - NAMED} more"] if len(found) > NAMED else found


def _is_error(finding: Mapping[str, Any]) -> bool:
    return finding.get("severity") == "error"


def check(job: TuningJob) -> None:
    """Before a job starts: look at files nobody looked at yet. Raises `Refused`."""
    for file, field in ((job.training_file, "training_file"), (job.validation_file, "validation_file")):
        if file is None:
            continue
        if file.report is None:
            contents.inspect_file(file)
            file.refresh_from_db()
        if short := too_short(file, job.backend):
            raise Refused("too_few_examples", short, field)
        if blocks := blocks_of(file.report):
            raise Refused("invalid_training_file", f"{file.name}: {'; '.join(blocks)}", field)


def read_results(backend: TuningBackend, job: TuningJob, seen: Seen) -> dict[str, bytes]:
    """Contents of result files that are not kept yet."""
    if job.result_file_id is not None or not isinstance(backend, ReadsResults):
        return {}
    return {identity: backend.read_result(job, identity) for identity in _first(seen.result_files)}


def _first(identities: Sequence[str]) -> Sequence[str]:
    return identities[:1]  # vendors give one a job


def keep_result(job: TuningJob, identity: str, content: bytes) -> None:
    """Keep a result file and take its points into the curves. One that cannot be read is kept and said to be so."""
    job.result_file = contents.create_file(
        project=job.project, name=f"{job.public_id}-results.csv", purpose=FilePurpose.RESULTS, content=[content],
        created_by=job.created_by, origin=FileOrigin.JOB, lineage={"job": str(job.pk), "provider_file": identity},
        actor=None,
    )  # fmt: skip
    try:
        record_points(job, read_result_file(content), per_epoch=steps_per_epoch(job))
    except ResultFileError as error:
        say(job, f"result:{identity}", f"The result file cannot be read: {error}", level="warn")
