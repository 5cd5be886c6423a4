"""Guardrails of an organization: make, change, remove, and try one on a text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from gateway import credentials
from gateway.guardrails.checks.injection import score
from gateway.guardrails.finding import redacted
from gateway.guardrails.rails import REDACT, WEBHOOK, WHOLE_KINDS, build_check, check_config
from gateway.models import Guardrail, Organization, Project
from gateway.services import audit, catalog
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

GUARDRAIL_FIELDS = ("name", "kind", "direction", "action", "config", "position", "is_enabled")
MAX_TIMEOUT_MS = 10_000


class GuardrailFields(TypedDict, total=False):
    """What may be changed on a guardrail; `secret` is plain text and is stored encrypted, "" removes it."""

    name: str
    kind: str
    direction: str
    action: str
    config: Mapping[str, Any]
    position: int
    is_enabled: bool
    secret: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding in a tried text."""

    what: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a guardrail makes of a text. `score` only of prompt injection."""

    findings: list[Found]
    would_block: bool
    text: str
    score: float | None


@transaction.atomic
def create_guardrail(
    *, organization: Organization, actor: Actor, project: Project | None = None, **fields: Unpack[GuardrailFields]
) -> Guardrail:
    """Add a guardrail; in force on every process within two seconds. Raises `Invalid`, `Conflict` (name in use)."""
    if project is not None and project.organization_id != organization.pk:
        raise Invalid("foreign_project", "The project belongs to another organization.", field="project")
    guardrail = Guardrail(organization=organization, project=project)
    _fill(guardrail, fields)
    try:
        with transaction.atomic():
            guardrail.save(force_insert=True)
    except IntegrityError:
        raise Conflict("guardrail_exists", f"A guardrail is named {guardrail.name}.", field="name") from None
    _audit(guardrail, actor, "guardrail.create", None, {"project": project and str(project.pk), **_facts(guardrail)})
    return guardrail


@transaction.atomic
def update_guardrail(*, guardrail: Guardrail, actor: Actor, **fields: Unpack[GuardrailFields]) -> Guardrail:
    """Change a guardrail; the audit row says whether there is a secret, never which. Raises `Invalid`, `Conflict`."""
    locked = _lock(guardrail)
    before = _facts(locked)
    _fill(locked, fields)
    old, new = audit.differences(before, _facts(locked))
    if not new:
        return locked
    try:
        with transaction.atomic():
            locked.save(update_fields=[*(name for name in new if name != "has_secret"), "secret", "updated_at"])
    except IntegrityError:
        raise Conflict("guardrail_exists", f"A guardrail is named {locked.name}.", field="name") from None
    _audit(locked, actor, "guardrail.update", old, new)
    return locked


@transaction.atomic
def delete_guardrail(*, guardrail: Guardrail, actor: Actor) -> None:
    """Remove a guardrail; what it found before stays in the security events."""
    locked = _lock(guardrail)
    _audit(locked, actor, "guardrail.delete", _facts(locked), None)
    locked.delete()


def try_guardrail(*, guardrail: Guardrail, text: str) -> Trial:
    """What the guardrail would do with a text: the code that runs in the data plane. A webhook is not asked."""
    if guardrail.kind == WEBHOOK:
        raise Invalid("webhook_not_tried", "A webhook is only asked for real calls.", field="kind")
    check = build_check(guardrail.kind, guardrail.config)
    found = check.find(text)
    shown = redacted(text, found) if guardrail.action == REDACT else text
    weight = round(score(text), 2) if guardrail.kind == "prompt_injection" else None
    return Trial(
        [Found(one.what, one.start, one.end) for one in found],
        bool(found) and guardrail.action == "block",
        shown,
        weight,
    )


# ---- checks --------------------------------------------------------------------------------------------------------
def _fill(guardrail: Guardrail, fields: GuardrailFields) -> None:
    for name in GUARDRAIL_FIELDS:
        if name in fields:
            setattr(guardrail, name, fields[name])  # type: ignore[literal-required]
    if "secret" in fields:
        guardrail.secret = credentials.encrypt(fields["secret"]) if fields["secret"] else None
    check_fields(guardrail, "name", "kind", "direction", "action", "position")
    _check_config(guardrail)


def _check_config(guardrail: Guardrail) -> None:
    try:
        if guardrail.kind == WEBHOOK:
            check_config(WEBHOOK, guardrail.config)
            _check_webhook(guardrail)
        else:
            build_check(guardrail.kind, guardrail.config)
    except ValueError as error:
        raise Invalid("guardrail_config", f"{str(error).capitalize()}.", field="config") from error
    if guardrail.kind in WHOLE_KINDS and guardrail.action == REDACT:
        message = "This kind judges a text as a whole, so there is nothing to redact: block or flag."
        raise Invalid("guardrail_action", message, field="action")


def _check_webhook(guardrail: Guardrail) -> None:
    """Raises `ValueError` for a time that cannot be, `Invalid` for an address."""
    try:
        catalog.checked_base_url(guardrail.config["url"])
    except Invalid as error:
        raise Invalid(error.code, error.message, field="config") from None
    if not 10 <= guardrail.config.get("timeout_ms", 1_000) <= MAX_TIMEOUT_MS:
        raise ValueError(f"timeout_ms is between 10 and {MAX_TIMEOUT_MS}")


def _lock(guardrail: Guardrail) -> Guardrail:
    return Guardrail.objects.select_for_update(of=("self",)).get(pk=guardrail.pk)


def _facts(guardrail: Guardrail) -> dict[str, Any]:
    facts = {name: getattr(guardrail, name) for name in GUARDRAIL_FIELDS}
    return {**facts, "config": dict(guardrail.config), "has_secret": bool(guardrail.secret)}


def _audit(
    guardrail: Guardrail, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    organization = guardrail.organization
    audit.record(organization=organization, actor=actor, verb=verb, target=guardrail, before=before, after=after)
