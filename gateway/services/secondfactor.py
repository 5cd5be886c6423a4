"""The second factor: time-based codes (RFC 6238, SHA-1, 6 digits, 30 s, as every authenticator app has them) and
recovery codes. Secrets are under the installation's field keys; a code works once.
"""

import hashlib
import secrets
from base64 import b32encode
from datetime import timedelta
from enum import StrEnum
from hmac import compare_digest
from typing import NamedTuple

import pyotp
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from gateway import credentials
from gateway.models import Membership, RecoveryCode, SecondFactor, User
from gateway.querysets import memberships_of
from gateway.services import audit, notices
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden, Invalid
from gateway.services.identity import lock

ISSUER = "LLM Gateway"
STEP_S = 30
DRIFT_STEPS = 1
"""A clock may be one step behind or ahead (RFC 6238, section 5.2)."""
RECOVERY_CODES = 10
MAX_FAILURES = 10
LOCK = timedelta(minutes=15)


class Outcome(StrEnum):
    """What became of a code."""

    CODE = "code"
    RECOVERY = "recovery code"
    WRONG = "wrong"
    LOCKED = "locked"

    @property
    def is_good(self) -> bool:
        return self in (Outcome.CODE, Outcome.RECOVERY)


class Enrolment(NamedTuple):
    """What an authenticator app is given: the secret in base 32, and the same as an `otpauth:` URI."""

    secret: str
    uri: str


class Status(NamedTuple):
    """What a person may know of their own second factor."""

    is_enabled: bool
    is_required: bool
    recovery_codes_left: int


def is_enabled(user: User) -> bool:
    """One query."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def is_required(user: User) -> bool:
    """Whether an organization of the person asks for one. One query."""
    rows = memberships_of(user)
    return bool(rows.filter(organization__requires_second_factor=True).exists())


def status(user: User) -> Status:
    """Two queries."""
    left = Count("recovery_codes", filter=Q(recovery_codes__used_at=None))
    row = SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).annotate(left=left).first()
    return Status(row is not None, is_required(user), getattr(row, "left", 0))


@transaction.atomic
def begin(*, user: User) -> Enrolment:
    """A secret that counts once a code of it was given; asking again before that shows the same one. Raises
    `Conflict`."""
    lock(user)
    row = SecondFactor.objects.filter(user=user).first()
    if row is not None and row.confirmed_at is not None:
        raise Conflict("second_factor_enabled", "There is an authenticator already; remove it first.")
    if row is None:
        row = SecondFactor(user=user, secret=credentials.encrypt(pyotp.random_base32()))
        row.save(force_insert=True)
    secret = credentials.decrypt(bytes(row.secret))
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=ISSUER))


@transaction.atomic
def confirm(*, user: User, code: str) -> list[str]:
    """Switch it on with a first code; the ten recovery codes, which nobody can show again. Raises `Conflict` when none
    was begun, `Invalid` for a wrong code."""
    row = _locked(user)
    if row is None or row.confirmed_at is not None:
        raise Conflict(
            "second_factor_not_begun", "Begin anew: there is no authenticator that waits for its first code."
        )
    step = _step_of(row, code)
    if step is None:
        raise Invalid("second_factor_wrong", "This code does not fit; is the clock of the device right?", field="code")
    row.confirmed_at, row.last_step, row.failures = timezone.now(), step, 0
    row.save(update_fields=["confirmed_at", "last_step", "failures", "updated_at"])
    _noted(user, user, "second_factor.enable")
    return _new_codes(row)


@transaction.atomic
def check(*, user: User, code: str) -> Outcome:
    """Use a code up. Ten wrong ones in a row lock the person's second factor for 15 minutes, wherever they came from;
    right ones do not help then."""
    row = _locked(user)
    if row is None or row.confirmed_at is None:
        return Outcome.WRONG
    now = timezone.now()
    if row.locked_until is not None and row.locked_until > now:
        return Outcome.LOCKED
    outcome = _used_up(row, code)
    row.failures = 0 if outcome.is_good else row.failures + 1
    row.locked_until = None
    if row.failures >= MAX_FAILURES:
        row.failures, row.locked_until, outcome = 0, now + LOCK, Outcome.LOCKED
        _noted(user, None, "second_factor.lock")
    row.save(update_fields=["last_step", "failures", "locked_until", "updated_at"])
    if outcome == Outcome.RECOVERY:
        _noted(user, user, "second_factor.use_recovery_code")
    return outcome


@transaction.atomic
def renew_codes(*, user: User) -> list[str]:
    """Ten new recovery codes; the old ones end. Raises `Conflict` when there is no second factor."""
    row = _locked(user)
    if row is None or row.confirmed_at is None:
        raise Conflict("second_factor_disabled", "There is no authenticator.")
    _noted(user, user, "second_factor.renew_recovery_codes")
    return _new_codes(row)


@transaction.atomic
def remove(*, user: User, actor: Actor, verb: str = "second_factor.disable") -> bool:
    """End a person's second factor, by themselves or by whoever may; True when there was one."""
    row = _locked(user)
    if row is None:
        return False
    was_enabled = row.confirmed_at is not None
    row.delete()
    if was_enabled:
        _noted(user, actor, verb)
    return was_enabled


@transaction.atomic
def reset_member(*, membership: Membership, actor: Actor, is_owner: bool, is_superuser: bool = False) -> bool:
    """An owner ends the second factor of a member who lost it. Raises `Forbidden`, also for somebody who belongs to
    another organization as well, or runs the platform: whose protection it is is not the owner's to say."""
    if not (is_owner or is_superuser):
        raise Forbidden("owner_required", "Only an owner can reset a second factor.")
    user = membership.user
    elsewhere = Membership.objects.filter(user=user, archived_at=None).exclude(organization=membership.organization)
    if not is_superuser and (user.is_superuser or elsewhere.exists()):
        raise Forbidden(
            "second_factor_shared", "This person belongs to another organization, too; ask the platform's operators."
        )
    return remove(user=user, actor=actor, verb="second_factor.reset")


# ---- codes -------------------------------------------------------------------------------------------------------


def _locked(user: User) -> SecondFactor | None:
    return SecondFactor.objects.select_for_update().filter(user=user).first()


def _used_up(row: SecondFactor, code: str) -> Outcome:
    step = _step_of(row, code)
    if step is not None:
        row.last_step = step
        return Outcome.CODE
    unused = RecoveryCode.objects.filter(second_factor=row, digest=_digest(row, code), used_at=None)
    return Outcome.RECOVERY if unused.update(used_at=timezone.now()) else Outcome.WRONG


def _step_of(row: SecondFactor, code: str) -> int | None:
    """The time step whose code this is, if that is newer than the last one used."""
    text = "".join(code.split())
    if not (len(text) == 6 and text.isascii() and text.isdigit()):
        return None
    totp, now = pyotp.TOTP(credentials.decrypt(bytes(row.secret))), int(timezone.now().timestamp()) // STEP_S
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if compare_digest(totp.generate_otp(step), text) and step > row.last_step:
            found = step
    return found


def _new_codes(row: SecondFactor) -> list[str]:
    """80 random bits each, in base 32."""
    row.recovery_codes.all().delete()
    codes = [_grouped(b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(second_factor=row, digest=_digest(row, code)) for code in codes)
    return codes


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _digest(row: SecondFactor, code: str) -> bytes:
    """SHA-256 is enough: a code has 80 random bits of its own. Case, spaces and dashes do not matter."""
    plain = "".join(code.replace("-", "").split()).lower()
    return hashlib.sha256(row.pk.bytes + plain.encode("utf-8", "surrogatepass")).digest()


def _noted(user: User, actor: Actor, verb: str) -> None:
    audit.record_person(person=user, actor=actor, verb=verb)
    notices.tell(user=user, verb=verb)
