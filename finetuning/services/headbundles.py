"""A local head as a file that can be kept and brought back: the weights, what they are, and a signature by the
installation's key, so that one that was changed, or made elsewhere, is never served."""

import hashlib
import hmac
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from finetuning.choices import Backend
from finetuning.localhead import Head
from finetuning.models import TunedModel
from finetuning.services.askable import check_askable
from finetuning.services.publishing import publish_imported
from gateway import credentials
from gateway.models import Project
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

FORMAT = 1
MANIFEST, WEIGHTS, SIGNATURE = "manifest.json", "head.zip", "signature.txt"
PURPOSE = "head bundle"
LARGEST_BYTES = {MANIFEST: 1 << 20, WEIGHTS: 256 << 20, SIGNATURE: 200}
"""Of each part; a head is a few megabytes."""
KEPT = ("threshold", "fallback")
"""Of how it was served. Routes are the business of who imports it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a file holds, once its signature was found to be right."""

    facts: dict[str, Any]
    weights: bytes


def export_head(*, tuned: TunedModel, actor: Actor) -> bytes:
    """The bundle of a local head. Raises `Conflict` for another model, and for one whose weights are gone."""
    if tuned.backend != Backend.LOCAL_HEAD or not tuned.artifact:
        raise Conflict("not_a_head", f"{tuned.name} is no local head whose weights are kept here.")
    weights, job = bytes(tuned.artifact), tuned.job
    facts = {
        "format": FORMAT, "name": tuned.name, "base_model": tuned.base_model,
        "suffix": job.suffix if job is not None else "", "sha256": hashlib.sha256(weights).hexdigest(),
        "serving": {name: tuned.serving[name] for name in KEPT if name in tuned.serving},
        "training": None if job is None else {
            "file_sha256": job.training_file.sha256, "lines": job.training_file.lines, "seed": job.seed,
            "hyperparameters": job.hyperparameters, "finished_at": job.finished_at and job.finished_at.isoformat(),
        },
    }  # fmt: skip
    manifest = json.dumps(facts, sort_keys=True, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((MANIFEST, manifest), (WEIGHTS, weights), (SIGNATURE, _signed(manifest, weights).encode())):
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), data)
    audit.record(
        organization=tuned.organization, actor=actor, verb="tuned_model.export", target=tuned,
        after={"sha256": facts["sha256"]},
    )  # fmt: skip
    return out.getvalue()


@transaction.atomic
def import_head(*, project: Project, content: bytes, actor: Actor, suffix: str = "") -> TunedModel:
    """Serve a bundle's head in a project, under a name that is the same each time it is imported there. `suffix`: of
    that name; empty: as it was. Raises `Invalid` for a file that is none, was changed, or is signed by another key,
    and where nothing answers to the name of its fallback."""
    bundle = read_bundle(content)
    try:
        Head.from_bytes(bundle.weights)
    except ValueError as error:
        raise Invalid("not_a_head", str(error), field="file") from error
    if fallback := bundle.facts["serving"].get("fallback"):
        check_askable(project.organization_id, fallback, field="file")
    digest = bundle.facts["sha256"]
    tuned = publish_imported(
        project, suffix=slugify(suffix or bundle.facts.get("suffix") or ""), mark=digest[:8],
        base_model=bundle.facts["base_model"], artifact=bundle.weights, serving=bundle.facts["serving"],
    )  # fmt: skip
    audit.record(
        organization=project.organization, actor=actor, verb="tuned_model.import", target=tuned,
        after={"name": tuned.name, "sha256": digest, "was": bundle.facts["name"]},
    )  # fmt: skip
    return tuned


def read_bundle(content: bytes) -> Bundle:
    """Nothing in it is believed before its signature. Raises `Invalid`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: _part(archive, name) for name in (MANIFEST, WEIGHTS, SIGNATURE)}
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError) as error:
        raise Invalid("not_a_bundle", "This is no bundle of a local head.", field="file") from error
    said = parts[SIGNATURE].decode("ascii", "replace").strip()
    if not hmac.compare_digest(said.encode(), _signed(parts[MANIFEST], parts[WEIGHTS]).encode()):
        message = "Its signature does not fit: it was changed, or made by an installation with another key."
        raise Invalid("signature_wrong", message, field="file")
    facts = json.loads(parts[MANIFEST])
    if facts.get("format") != FORMAT:
        message = f"Format {facts.get('format')} of a bundle is unknown; this version reads {FORMAT}."
        raise Invalid("format_unknown", message, field="file")
    return Bundle(facts, parts[WEIGHTS])


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        data = part.read(LARGEST_BYTES[name] + 1)
    if len(data) > LARGEST_BYTES[name]:
        raise Invalid("not_a_bundle", f"Its part {name} is larger than any bundle's.", field="file")
    return data


def _signed(manifest: bytes, weights: bytes) -> str:
    """Over both, each by its hash, so that nothing moves from one to the other."""
    digests = hashlib.sha256(manifest).digest() + hashlib.sha256(weights).digest()
    return credentials.keyed_hash(PURPOSE, digests, 32).hex()
