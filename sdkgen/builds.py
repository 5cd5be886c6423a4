"""Builds: a package is asked for, made by the background process, kept until it expires, downloaded.

The archive is stored in the transaction that ends the job, as exports are: a build that was killed half-way is made
anew and has one effect. Equal configurations of equal code give equal archives.
"""

import contextlib
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from analytics.exports.models import StoredFile
from analytics.exports.service import pieces, store
from gateway.api.authentication import KeyPrincipal, actor_of
from gateway.choices import JobStatus
from gateway.ledger.ids import uuid7
from gateway.models import Job, Organization, User
from gateway.services import audit, jobs
from gateway.services.errors import Conflict, Gone, Invalid
from sdkgen.custom.access import allowed
from sdkgen.custom.making import make
from sdkgen.custom.shape import Shape
from sdkgen.ir.nodes import Api
from sdkgen.ir.select import SelectionError
from sdkgen.languages.base.config import Config, ConfigError, read_fields, stored
from sdkgen.languages.base.files import OutputError
from sdkgen.languages.base.language import Generated, Language, archive_name, filled, generate
from sdkgen.languages.base.lint import Finding, lint
from sdkgen.languages.base.names import NameCollisionError
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.services import current

KIND = "sdk.build"
LEASE_S = 120.0
MAX_TRIES = 3
MAX_RUNNING = 1
MAX_OPEN = 10
"""Builds of one requester that wait or run."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive, so that equal content is equal bytes."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Package:
    """What a build makes: the names that its language and its configuration give it."""

    language: Language
    config: Config

    @property
    def file_name(self) -> str:
        return archive_name(self.config)

    def filled(self, text: str) -> str:
        """`About.install` or `About.quick_start` of this package."""
        return filled(text, self.config)


@cache
def representation() -> Api:
    """Of the code that runs; made once in a process."""
    return current()[1]


def language_of(text: str) -> Language:
    """Raises Invalid."""
    try:
        return named(text)
    except KeyError:
        raise Invalid("unknown_language", f"Languages are {', '.join(LANGUAGES)}.", field="language") from None


def package_of(job: Job) -> Package:
    """As it was accepted, whatever is accepted now."""
    return Package(language_of(job.parameters["language"]), stored(job.parameters["config"]))


def findings(language: str, said: Mapping[str, Any]) -> list[Finding]:
    """What is to be said of a configuration. Raises Invalid."""
    return lint(language_of(language), representation(), said)


def request_build(
    *, organization: Organization, user: Any, language: str, said: Mapping[str, Any],
    custom: Mapping[str, Any] | None = None,
) -> Job:  # fmt: skip
    """Queue a package for `user`, a person or a management key. `custom`: of a client made to order, as
    `sdkgen.custom.service` keeps it. Raises Invalid and Conflict."""
    wanted = language_of(language)
    try:
        config = wanted.checked(read_fields(said))
    except ConfigError as error:
        raise Invalid("invalid_configuration", str(error), field=f"config.{error.field}".rstrip(".")) from None
    key = user.key if isinstance(user, KeyPrincipal) else None
    parameters = {
        "language": wanted.about.id,
        "config": {**asdict(config), "operations": list(config.operations), "auth": list(config.auth)},
        "key": str(key.pk) if key else None, "custom": dict(custom) if custom else None,
    }  # fmt: skip
    return _queue(organization, user if isinstance(user, User) else None, actor_of(user), parameters)


@transaction.atomic
def _queue(organization: Organization, person: User | None, actor: audit.Actor, parameters: dict[str, Any]) -> Job:
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)  # two at once see the same count
    still = Job.objects.filter(kind=KIND, organization=organization, status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    if still.filter(requested_by=person, parameters__key=parameters["key"]).count() >= MAX_OPEN:
        raise Conflict("too_many_builds", f"{MAX_OPEN} builds of yours are not done yet; wait for one of them.")
    job = jobs.enqueue(KIND, str(uuid7()), organization=organization, requested_by=person, parameters=parameters)
    after = {"language": parameters["language"], "config": parameters["config"]}
    if (custom := parameters["custom"]) and custom["shape"]:
        after["made_for"] = custom["shape"]["subject"]
    audit.record(organization=organization, actor=actor, verb="sdk.build", target=job, after=after)
    return job


# ---- background ----------------------------------------------------------------------------------------------------
def run_waiting() -> int:
    """Make what waits, oldest first, one at a time in the installation. Returns how many were tried."""
    return jobs.run_each(KIND, LEASE_S, run, at_once=MAX_RUNNING)


def run(job: Job) -> None:
    """Make one package, under its claim."""
    if job.fence > MAX_TRIES:
        _fail(job, f"Given up after {MAX_TRIES} tries: the process that made it ended each time.")
        return
    try:
        _make(job)
    except jobs.ClaimLost:
        log.warning("sdk_build_taken_over", job=str(job.pk))
    except (ConfigError, NameCollisionError, OutputError, SelectionError, Invalid) as error:
        _fail(job, str(error))
    except Exception as error:
        log.exception("sdk_build_failed", job=str(job.pk), tries=job.fence)
        if job.fence >= MAX_TRIES:
            _fail(job, f"{type(error).__name__}: given up after {job.fence} tries; the log has the reason")


def _fail(job: Job, error: str) -> None:
    with contextlib.suppress(jobs.ClaimLost):
        jobs.fail(job, error)


def _make(job: Job) -> None:
    package = package_of(job)
    package.language.checked(package.config)
    api = representation()
    jobs.extend(job, LEASE_S, 0.5)
    custom = job.parameters.get("custom")
    made = _made_to_order(package, api, custom) if custom else generate(package.language, api, package.config)
    content = archive(made.files)
    with tempfile.TemporaryDirectory(prefix="sdk-") as folder:
        path = Path(folder) / "sdk.zip"
        path.write_bytes(content)
        with transaction.atomic():
            file = store(
                job, path, name=package.file_name, content_type="application/zip", rows=len(made.files)
            )  # fmt: skip
            jobs.finish(job, {"files": len(made.files), "size_bytes": len(content), "sha256": file.sha256})


def _made_to_order(package: Package, api: Api, custom: Mapping[str, Any]) -> Generated:
    """By what the key and the organization could do when it was asked for."""
    shape = Shape.from_json(custom["shape"]) if custom["shape"] else None
    ids = allowed(api, shape.scopes) if shape is not None and shape.key else ()
    return make(package.language, api, package.config, shape, ids)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip that is the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, files[path])
    return out.getvalue()


# ---- reading -------------------------------------------------------------------------------------------------------
def open_build(*, job: Job, user: Any) -> tuple[StoredFile, Iterator[bytes]]:
    """The archive in pieces; the download is audited. Raises Conflict (not done) and Gone (expired)."""
    if job.status != JobStatus.SUCCEEDED:
        ended = {JobStatus.FAILED: f"It has failed: {job.error}", JobStatus.CANCELLED: "It was cancelled."}
        raise Conflict("build_not_ready", ended.get(JobStatus(job.status), "It is not done yet."))
    file = StoredFile.objects.filter(job=job, expires_at__gt=timezone.now()).first()
    if file is None:
        raise Gone("build_expired", "The package has expired; ask for it again.")
    with transaction.atomic():
        audit.record(
            organization=job.organization, actor=actor_of(user), verb="sdk.download", target=job,
            after={"name": file.name},
        )  # fmt: skip
    return file, pieces(file)
