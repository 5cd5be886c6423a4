"""Releases: what the next one is called and why, and keeping it with its changes and its evidence.

The version follows from rules (`sdkgen.versions`) and from what compilers said of the code of the release before
(`bench.sdk.evidence`, made on a developer's machine or in CI; never on this one): the graver of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connection, transaction

from gateway.services.errors import Conflict, Invalid
from sdkgen.ir.codec import CodecError, sha
from sdkgen.ir.nodes import Api
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release
from sdkgen.services import current, representation_of, store_release
from sdkgen.versions import Change, Level, compare, level_of, next_version, overall

FIRST = "1.0.0"
VERDICTS = ("compiles", "breaks", "not_run")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be released. `previous` None: the first; `level` and `levels` (per language) are None and empty then.
    `is_new` False: the newest release is what runs."""

    previous: Release | None
    document: dict[str, Any]
    api: Api
    version: str
    changes: tuple[Change, ...] = ()
    level: Level | None = None
    levels: Mapping[str, Level] | None = None
    is_new: bool = True


def propose(evidence: Mapping[str, Any] | None = None) -> Proposal:
    """The release that the running code would be. One query. Raises Invalid for evidence of something else."""
    previous = Release.objects.first()
    document, api = current()
    if previous is None:
        return Proposal(None, document, api, FIRST)
    if previous.ir_sha256 == sha(api):
        return Proposal(previous, document, api, previous.version, is_new=False)
    changes = compare(_representation(previous), api)
    levels = {language: overall(changes, [language]) for language in LANGUAGES}
    if evidence is not None:
        checked(evidence, previous, api)
        broken = [name for name, said in evidence["languages"].items() if said["verdict"] == "breaks"]
        levels |= dict.fromkeys(broken, Level.MAJOR)
    level = max(levels.values())
    return Proposal(previous, document, api, next_version(previous.version, level), changes, level, levels)


def _representation(release: Release) -> Api:
    try:
        return representation_of(release)
    except CodecError as error:
        raise Invalid("release_unreadable", f"Release {release.version} cannot be read: {error}.") from error


def checked(evidence: Any, previous: Release, api: Api) -> None:
    """Raises Invalid unless it is of exactly these two representations."""
    try:
        pair = evidence["from"]["ir_sha256"], evidence["to"]["ir_sha256"]
        verdicts = {name: said["verdict"] for name, said in evidence["languages"].items()}
    except (KeyError, TypeError, AttributeError):
        raise Invalid("evidence", "This is no evidence of `python -m bench.sdk.evidence`.") from None
    if pair != (previous.ir_sha256, sha(api)):
        raise Invalid("evidence", "The evidence is of other code; make it anew from this release and this code.")
    if set(verdicts) - set(LANGUAGES) or set(verdicts.values()) - set(VERDICTS):
        raise Invalid("evidence", "The evidence names a language or a verdict that there is not.")


@transaction.atomic
def release(proposal: Proposal, *, version: str | None = None, evidence: dict[str, Any] | None = None) -> Release:
    """Keep it, as `version` when one is given, which may be higher than proposed and not lower. What is released
    already stays. Raises Invalid, and Conflict when another process released meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ["sdk-release"])
    newest = Release.objects.newest()
    if not proposal.is_new and proposal.previous is not None:
        return proposal.previous
    if newest is not None and newest.ir_sha256 == sha(proposal.api):
        return newest  # the other of two processes was first
    if (newest and newest.pk) != (proposal.previous and proposal.previous.pk):
        raise Conflict("released_meanwhile", "Another release was stored meanwhile; compare again.")
    wanted = version or proposal.version
    if proposal.previous is not None and _numbers(wanted) < _numbers(proposal.version):
        raise Invalid("version_too_low", f"The changes ask for {proposal.version} at least.", field="version")
    made = store_release(
        version=wanted, document=proposal.document, api=proposal.api, previous=proposal.previous,
        changes=proposal.changes, evidence=evidence,
    )  # fmt: skip
    log.info("sdk_released", version=made.version, changes=len(proposal.changes))
    return made


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise Invalid("version", f"'{version}' is not a version of three numbers.", field="version")
    return tuple(map(int, parts))


def ensure_first_release() -> Release | None:
    """The first release of a new installation, stored now; None when there is one. A query when there is."""
    if Release.objects.exists():
        return None
    try:
        return release(propose())
    except Conflict:  # another process stored the first one
        return None


def levels_of(changes: tuple[Change, ...], language: str) -> dict[Level, int]:
    """How many changes are how grave in a language."""
    found = dict.fromkeys(Level, 0)
    for change in changes:
        found[level_of(change, language)] += 1
    return found
