"""Rotation of peppers and field keys: added, taken up by what runs, stored values put under them, old ones retired.

Nothing is kept about how far a rotation is: more than one field key means that it is under way, and the key that a
value is under tells what is left. So a command that was killed is run again, and two at once do the same work.
"""

import base64
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection as django_connection
from django.db.models import Count, Max
from django.utils import timezone

from config import sealed
from config.embedded.secretfile import replace_secrets, secrets_lock, write_private
from finetuning.choices import OVER
from finetuning.models import RunnerLink
from gateway import keyring
from gateway.heartbeats import KINDS
from gateway.keyring import FIELD_KEYS, PEPPERS, Keyring, field_key_id, pepper_id
from gateway.ledger.connect import connect
from gateway.models import Heartbeat, VirtualKey

ALIVE = timedelta(seconds=30)
PASSES = 5
PATIENCE_S = 5.0
RETIRED = "secrets.retired.env"
Say = Callable[[str], None]


class RotationError(Exception):
    """Nothing was changed that has to be undone; one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Values in the database and how many of them no key reads."""

    values: int
    unreadable: int


def rotate(say: Say) -> Outcome:
    """Begin a rotation, or go on with one, until no value is under an old key. Raises `RotationError`."""
    if follows_file():
        _add(say)
    ring = keyring.current(fresh=True)
    if len(ring.field_keys) == 1:
        raise RotationError(
            f"{FIELD_KEYS} and {PEPPERS} are set by the environment: put a new field key first and a pepper with a "
            "higher version there, on every host, restart, and run this again (docs/operations/secrets.md)."
        )
    _confirmed(ring.field_keys[0])
    return _reseal(ring.field_keys, say)


def follows_file() -> bool:
    """Both come from `secrets.env`, so this command may write them and running processes read them."""
    return {PEPPERS, FIELD_KEYS} <= settings.SECRETS_FROM_FILE


def _add(say: Say) -> None:
    with secrets_lock(settings.DATA_DIR):
        ring = keyring.current(fresh=True)
        if len(ring.field_keys) > 1:
            say(f"Goes on with the rotation to field key {field_key_id(ring.field_keys[0])}.")
            return
        version, pepper = max(ring.peppers) + 1, secrets.token_bytes(32)
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        _write(Keyring({**ring.peppers, version: pepper}, (key, *ring.field_keys)))
    say(f"Added pepper version {version} ({pepper_id(pepper)}) and field key {field_key_id(key)}.")


def _write(ring: Keyring) -> None:
    peppers = ",".join(f"{version}:{value.hex()}" for version, value in sorted(ring.peppers.items()))
    replace_secrets(settings.DATA_DIR, {PEPPERS: peppers, FIELD_KEYS: ",".join(ring.field_keys)})


def _confirmed(key: str) -> None:
    """Wait until every process that gives signs of life knows the key: what it cannot read would be lost to it."""
    wanted, began = field_key_id(key), timezone.now()
    while lacking := _lacking(wanted):
        if told := [beat for beat in lacking if beat.at > began + timedelta(seconds=2)]:
            names = ", ".join(f"{beat.name} (process {beat.info.get('pid', 'unknown')})" for beat in told)
            raise RotationError(
                f"{names} does not know field key {wanted}: give it the same secrets, restart it, and run this again."
            )
        time.sleep(0.25)


def _lacking(wanted: str) -> list[Heartbeat]:
    """Data planes, writers, workers and consoles that do not say that they know it."""
    beats = Heartbeat.objects.of(*KINDS).filter(at__gte=timezone.now() - ALIVE).order_by("name")
    return [beat for beat in beats if wanted not in beat.info.get("field_keys", [])]


def _reseal(keys: tuple[str, ...], say: Say) -> Outcome:
    old = [field_key_id(key) for key in keys[1:]]
    with connect() as connection:
        for _ in range(PASSES):
            sealed.reseal(connection, keys)
            found = sealed.use(connection, keys)
            if not found.under(*old):
                break
        else:
            raise RotationError(f"Values under an old key keep coming: {found.where(*old)}. Run this again.")
    unreadable = found.under(sealed.UNREADABLE)
    say(f"{found.total - unreadable} values are under field key {field_key_id(keys[0])}.")
    if unreadable:
        say(f"No key reads these, and none did before: {found.where(sealed.UNREADABLE)}.")
    return Outcome(found.total, unreadable)


# ---- retiring ----------------------------------------------------------------------------------------------------


def retire(say: Say, *, forget_hashes: bool = False) -> Keyring:
    """Remove what nothing needs, and keep it in `secrets.retired.env` for older backups; the keyring that is left.

    `forget_hashes`: the lowest pepper may go too, with which hashes of addresses and requests are made. Where the
    environment sets the secrets nothing is written, only said. Raises `RotationError`.
    """
    with secrets_lock(settings.DATA_DIR):
        ring = keyring.current(fresh=True)
        _check_field_keys(ring)
        reasons = pepper_needs(ring.peppers, forget_hashes=forget_hashes)
        for version, why in sorted(reasons.items()):
            say(f"Pepper version {version} stays: {why}.")
        left = Keyring({v: p for v, p in ring.peppers.items() if v in reasons}, ring.field_keys[:1])
        gone = [f"field key {field_key_id(key)}" for key in ring.field_keys[1:]]
        gone += [f"pepper version {version}" for version in ring.peppers if version not in reasons]
        if not gone:
            raise RotationError("There is nothing to retire: every pepper and field key is needed.")
        if not follows_file():
            say(f"Nothing needs these any more; remove them from the environment: {', '.join(gone)}.")
            return ring
        _keep_retired(ring, left)
        _write(left)
    say(f"Retired: {', '.join(gone)}; kept in {RETIRED} for backups that were made before.")
    return left


def _check_field_keys(ring: Keyring) -> None:
    """No value, no process and no open transaction is left that may need an old one."""
    old = [field_key_id(key) for key in ring.field_keys[1:]]
    if not old:
        return
    _confirmed(ring.field_keys[0])
    if follows_file():
        _check_transactions(datetime.fromtimestamp(settings.SECRETS_FILE.stat().st_mtime, UTC))
    with connect() as connection:
        found = sealed.use(connection, ring.field_keys)
    if found.under(*old):
        raise RotationError(f"Values are still under an old field key ({found.where(*old)}): run rotate_secrets first.")


def _check_transactions(since: datetime) -> None:
    """What began before the newest key may yet commit something under an old one; short ones are waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while count := _transactions(since + timedelta(seconds=keyring.LOOK_EVERY_S)):
        if time.monotonic() >= deadline:
            raise RotationError(
                f"{count} transactions are older than the newest key: run this again when they are over."
            )
        time.sleep(0.1)


def _transactions(before: datetime) -> int:
    """How many other sessions have one open that began before that time."""
    with django_connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND xact_start < %s AND backend_type = 'client backend'",
            [before],
        )
        count: int = cursor.fetchone()[0]
    return count


def pepper_needs(versions: Iterable[int], *, forget_hashes: bool = False) -> dict[int, str]:
    """Why each pepper that is needed is: `{version: reason}`."""
    versions, now = sorted(versions), timezone.now()
    needs = {versions[-1]: "it is the newest, for new keys"}
    live = VirtualKey.objects.filter(revoked_at=None).exclude(expires_at__lte=now)
    for row in live.order_by().values("pepper_version").annotate(count=Count("id"), last=Max("name")):
        if row["pepper_version"] != versions[-1]:
            word = "1 key uses" if row["count"] == 1 else f"{row['count']} keys use"
            needs[row["pepper_version"]] = f"{word} it, such as {row['last']!r}; rotate or revoke them first"
    if tokens := RunnerLink.objects.exclude(digest=None).exclude(status__in=OVER).count():
        for version in versions[:-1]:
            needs.setdefault(version, f"{tokens} tokens of runner jobs may; ask for them anew once the jobs are over")
    if not forget_hashes:
        needs.setdefault(versions[0], "hashes of addresses and requests are made with it (--forget-hashes)")
    return {version: why for version, why in needs.items() if version in versions}


def _keep_retired(ring: Keyring, left: Keyring) -> None:
    path = settings.DATA_DIR / RETIRED
    text = path.read_text() if path.exists() else "# Retired by `manage.py rotate_secrets`; backups may need them.\n"
    lines = [f"# field key {field_key_id(key)}: {key}" for key in ring.field_keys if key not in left.field_keys]
    lines += [f"# pepper {v}:{p.hex()}" for v, p in ring.peppers.items() if v not in left.peppers]
    write_private(path, text + "".join(f"{line}\n" for line in lines))
