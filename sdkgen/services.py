"""Verbs of SDKs: the representation of the running gateway, and releases of it."""

import hashlib
from typing import Any

from django.db import IntegrityError, transaction

from gateway.services.errors import Conflict
from sdkgen import ir
from sdkgen.documents.merged import merged
from sdkgen.ir.codec import canonical, from_json, sha, to_json
from sdkgen.ir.nodes import Api
from sdkgen.models import Release


def current() -> tuple[dict[str, Any], Api]:
    """Document and representation of the code that runs. No queries."""
    document = merged()
    return document, ir.build(document)


@transaction.atomic
def store_release(*, version: str, document: dict[str, Any], api: Api) -> Release:
    """Keep what `version` was made of. Storing the same again changes nothing; raises Conflict for other content."""
    release = Release(
        version=version, document=document, document_sha256=hashlib.sha256(canonical(document).encode()).hexdigest(),
        representation=to_json(api), ir_sha256=sha(api),
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


def representation_of(release: Release) -> Api:
    """As it was stored. Raises CodecError when a later format can no longer read it."""
    return from_json(release.representation)
