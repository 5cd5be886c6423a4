"""The audit trail: `record` writes in the transaction of the change, the sealer links the chain within seconds.

Personal values are ciphertext under the person's own key and the chain hashes the ciphertext, so that erasing a
person leaves every hash valid (rule 24).
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import structlog
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection, models, transaction
from django.utils import timezone

from gateway import auditchain, credentials, scopes
from gateway.models import AuditEvent, Organization, SubjectKey, User, VirtualKey
from gateway.querysets import memberships_of

Actor = User | VirtualKey | None
ERASED = "[erased]"
GENESIS = auditchain.GENESIS
BATCH = 1_000
_CIPHERTEXT = "ciphertext"
_SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """Outcome of walking one chain. `problem` is empty when intact; `head_hash` (hex) can be kept elsewhere, so that
    a chain whose end was cut off, which the chain alone cannot show, is noticed."""

    organization: uuid.UUID | None
    is_intact: bool
    sealed: int
    unsealed: int
    head_hash: str
    broken_at: int | None
    problem: str


def record(
    *,
    organization: Organization | None,
    actor: Actor,
    verb: str,
    target: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    request_id: str = "",
    personal: Iterable[str] = (),
) -> AuditEvent:
    """Write one event in the current transaction; raises `RuntimeError` outside of one.

    `organization`: None for platform-wide changes. `personal` names the keys of `before`/`after` that identify a
    person; they are stored encrypted under the key of `subject_of(target)`. `request_id` defaults to the one bound to
    the logs; the value of a scope that is one end user is personal. One query, two to three with personal values.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record must run in the transaction of the change it records")
    names = frozenset(personal) | _personal_scope(before) | _personal_scope(after)
    seal_with = _SubjectCipher(subject_of(target)) if names else None
    return AuditEvent.objects.create(
        organization=organization,
        at=timezone.now(),
        actor_id=actor.pk if isinstance(actor, User) else None,
        actor_key_id=actor.pk if isinstance(actor, VirtualKey) else None,
        verb=verb,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        before=_storable(before, names, seal_with),
        after=_storable(after, names, seal_with),
        request_id=request_id or structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def record_person(*, person: User, actor: Actor, verb: str, **values: Any) -> None:
    """One event about a person's account in the platform's chain, and one in that of every organization that the
    person belongs to. `values`: the rest of `record`'s. Queries grow with the organizations."""
    homes = Organization.objects.filter(pk__in=memberships_of(person).values("organization"))
    for organization in (None, *homes.order_by("pk")):
        record(organization=organization, actor=actor, verb=verb, target=person, **values)


def _personal_scope(values: Mapping[str, Any] | None) -> frozenset[str]:
    names_one = (values or {}).get("scope") == scopes.END_USER and (values or {}).get("scope_value") != scopes.EACH
    return frozenset({"scope_value"}) if names_one else frozenset()


def subject_of(target: models.Model) -> uuid.UUID:
    """Whose values a change holds: the person, the person a row belongs to, else the row itself (an invitation)."""
    if isinstance(target, User):
        return target.pk
    return getattr(target, "user_id", None) or target.pk


class _SubjectCipher:
    """Encrypts under the key of one person, made on first use. Two callers at once end with the same key."""

    def __init__(self, subject_id: uuid.UUID) -> None:
        self.subject_id = subject_id
        fresh = SubjectKey(subject_id=subject_id, key=credentials.encrypt(Fernet.generate_key().decode()))
        SubjectKey.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = SubjectKey.objects.get(subject_id=subject_id)
        self._fernet = Fernet(credentials.decrypt(bytes(stored.key)))

    def __call__(self, value: Any) -> dict[str, str]:
        text = json.dumps(_plain(value))
        return {_SUBJECT: str(self.subject_id), _CIPHERTEXT: self._fernet.encrypt(text.encode()).decode()}


def _storable(
    values: Mapping[str, Any] | None, personal: frozenset[str], cipher: _SubjectCipher | None
) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        name: cipher(value) if cipher is not None and name in personal and value else _plain(value)
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    """JSON form of a field value: money and ids as text, times in ISO 8601 UTC, models by their id."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Decimal():
            return format(value, "f")
        case uuid.UUID() | date():
            return str(value)
        case models.Model():
            return str(value.pk)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case Iterable():
            return [_plain(item) for item in value]
    raise TypeError(f"cannot be stored in the audit trail: {type(value).__name__}")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what changed, as `(before, after)` for `record`."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def reveal(events: Iterable[AuditEvent]) -> list[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """`(before, after)` of each event with personal values in plain text, or `[erased]`. At most one query."""
    found = list(events)
    subjects = {item for event in found for item in _subjects(event)}
    keys = SubjectKey.objects.in_bulk(subjects) if subjects else {}
    ciphers = {str(pk): Fernet(credentials.decrypt(bytes(row.key))) for pk, row in keys.items()}
    return [(_revealed(event.before, ciphers), _revealed(event.after, ciphers)) for event in found]


def _is_sealed_value(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {_SUBJECT, _CIPHERTEXT}


def _subjects(event: AuditEvent) -> Iterator[uuid.UUID]:
    for values in (event.before, event.after):
        for value in (values or {}).values():
            if _is_sealed_value(value):
                yield uuid.UUID(value[_SUBJECT])


def _revealed(values: dict[str, Any] | None, ciphers: Mapping[str, Fernet]) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: _open(value, ciphers) if _is_sealed_value(value) else value for name, value in values.items()}


def _open(value: dict[str, str], ciphers: Mapping[str, Fernet]) -> Any:
    cipher = ciphers.get(value[_SUBJECT])
    if cipher is None:
        return ERASED
    try:
        return json.loads(cipher.decrypt(value[_CIPHERTEXT].encode()))
    except InvalidToken:
        return ERASED  # encrypted under a key that was erased and made anew since


def erase_subject(subject_id: uuid.UUID) -> bool:
    """Make every personal value of a person in the trail unreadable for ever. True when there was a key."""
    deleted, _ = SubjectKey.objects.filter(subject_id=subject_id).delete()
    return deleted > 0


# ---- the chain ---------------------------------------------------------------------------------------------------


def _row(event: AuditEvent, sequence: int) -> dict[str, Any]:
    """The stored row as it is hashed."""
    return {
        "id": str(event.pk),
        "organization": str(event.organization_id) if event.organization_id else None,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "actor_key": str(event.actor_key_id) if event.actor_key_id else None,
        "verb": event.verb,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "before": event.before,
        "after": event.after,
        "request_id": event.request_id,
        "sequence": sequence,
    }


def chain_hash(event: AuditEvent, sequence: int, previous: bytes) -> bytes:
    """SHA-256 over the previous hash and the canonical JSON of the stored row (`gateway.auditchain`)."""
    return auditchain.hash_of(_row(event, sequence), previous)


def export(organization: Organization | None) -> Iterator[bytes]:
    """The sealed events of a chain as JSON lines (`gateway.auditchain`), oldest first; reads in batches."""
    for event in _walk(_chain(organization.pk if organization else None)):
        row, previous, own = (
            _row(event, event.sequence or 0),
            bytes(event.previous_hash or b""),
            bytes(event.hash or b""),
        )
        yield auditchain.line_of(row, previous, own).encode("utf-8", "surrogatepass") + b"\n"


@transaction.atomic
def note_export(*, organization: Organization | None, actor: Actor) -> None:
    """Say in the trail that somebody took it with them."""
    target = organization or actor
    assert target is not None  # the platform's trail is a person's to take
    record(organization=organization, actor=actor, verb="audit.export", target=target)


def seal(organization: Organization | None = None) -> int:
    """Link unsealed events of one organization, or of every chain (the platform's too); returns how many.

    Any number of sealers may run at once: an advisory transaction lock orders them chain by chain.
    """
    unsealed = AuditEvent.objects.filter(sequence=None)
    if organization is not None:
        return _seal_chain(organization.pk)
    chains = list(unsealed.order_by().values_list("organization_id", flat=True).distinct())
    return sum(_seal_chain(chain) for chain in chains)


def _seal_chain(organization_id: uuid.UUID | None) -> int:
    total = 0
    while (sealed := _seal_batch(organization_id)) > 0:
        total += sealed
        if sealed < BATCH:
            break
    return total


def _chain(organization_id: uuid.UUID | None) -> models.QuerySet[AuditEvent]:
    if organization_id is None:
        return AuditEvent.objects.filter(organization=None)
    return AuditEvent.objects.filter(organization_id=organization_id)


@transaction.atomic
def _seal_batch(organization_id: uuid.UUID | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit-chain {organization_id}"])
    # The head is read in a statement after the lock was granted, so it includes what the previous holder linked.
    chain = _chain(organization_id)
    head = chain.exclude(sequence=None).order_by("-sequence").only("sequence", "hash").first()
    sequence, previous = (head.sequence or 0, bytes(head.hash or b"")) if head else (0, GENESIS)
    events = list(chain.filter(sequence=None).order_by("id")[:BATCH])
    for event in events:
        sequence += 1
        event.sequence, event.previous_hash = sequence, previous
        event.hash = previous = chain_hash(event, sequence, previous)
    AuditEvent.objects.bulk_update(events, ["sequence", "previous_hash", "hash"], batch_size=200)
    return len(events)


def verify(organization: Organization | None) -> AuditVerification:
    """Walk a chain from its first event (None: the platform's chain). Reads only, in batches."""
    organization_id = organization.pk if organization else None
    chain = _chain(organization_id)
    previous, broken_at, problem = GENESIS, None, ""
    for expected, event in enumerate(_walk(chain), start=1):
        problem = _fault(event, expected, previous)
        if problem:
            broken_at = expected
            break
        previous = bytes(event.hash or b"")
    return AuditVerification(
        organization=organization_id,
        is_intact=not problem,
        sealed=chain.exclude(sequence=None).count(),
        unsealed=chain.filter(sequence=None).count(),
        head_hash=previous.hex(),
        broken_at=broken_at,
        problem=problem,
    )


def _walk(chain: models.QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    last = None
    while True:
        rows = chain.exclude(sequence=None).order_by("sequence", "id")
        page = list((rows if last is None else rows.filter(sequence__gt=last))[:BATCH])
        yield from page
        if len(page) < BATCH:
            return
        last = page[-1].sequence


def _fault(event: AuditEvent, expected: int, previous: bytes) -> str:
    if event.sequence != expected:
        return f"Event {expected} is missing: the chain goes on with {event.sequence}."
    if bytes(event.previous_hash or b"") != previous:
        return f"Event {expected} does not point at event {expected - 1}."
    if bytes(event.hash or b"") != chain_hash(event, expected, previous):
        return f"Event {expected} was changed after it was sealed."
    return ""
