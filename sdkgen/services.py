"""Verbs of SDKs: the representation of the running gateway, and releases of it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from gateway.services.errors import Conflict
from sdkgen import ir
from sdkgen.documents.merged import merged
from sdkgen.ir.codec import canonical, from_json, sha, to_json
from sdkgen.ir.nodes import Api
from sdkgen.models import Release
from sdkgen.versions import Change


def current() -> tuple[dict[str, Any], Api]:
    """Document and representation of the code that runs. No queries."""
    document = merged()
    return document, ir.build(document)


@transaction.atomic
def store_release(
    *,
    version: str,
    document: dict[str, Any],
    api: Api,
    previous: Release | None = None,
    changes: Sequence[Change] = (),
    evidence: dict[str, Any] | None = None,
    released_at: datetime | None = None,
) -> Release:
    """Keep what `version` was made of. Storing the same again changes nothing; raises Conflict for other content."""
    release = Release(
        version=version, document=document, document_sha256=sha_of(document), representation=to_json(api),
        ir_sha256=sha(api), previous=previous, changes=[change.as_json() for change in changes], evidence=evidence,
        released_at=released_at or timezone.now(),
    )  # fmt: skip
    try:
        with transaction.atomic():
            release.save(force_insert=True)
    except IntegrityError:
        kept = Release.objects.get(version=version)
        if (kept.document_sha256, kept.ir_sha256) != (release.document_sha256, release.ir_sha256):
            raise Conflict(
                "release_exists", f"Version {version} is released with another document; give the next one."
            ) from None
        return kept
    return release


def sha_of(document: dict[str, Any]) -> str:
    """Of the canonical document, in hex."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def representation_of(release: Release) -> Api:
    """As it was stored. Raises CodecError when a later format can no longer read it."""
    return from_json(release.representation)
