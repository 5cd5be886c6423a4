"""Celery tasks of the gateway: thin, idempotent, safe to run many at once."""

from celery import shared_task

from gateway.services import audit, bodies, erasure, idempotency, imports, outbox


@shared_task(name="gateway.audit_seal")
def audit_seal() -> int:
    """Link new audit events into their chains; returns how many."""
    return audit.seal()


@shared_task(name="gateway.outbox_relay")
def outbox_relay() -> int:
    """Deliver due messages; returns how many arrived."""
    return outbox.relay().delivered


@shared_task(name="gateway.purge_bodies")
def purge_bodies() -> int:
    """Delete logged bodies that are past their day; returns how many."""
    return bodies.purge_bodies()


@shared_task(name="gateway.purge_idempotent_calls")
def purge_idempotent_calls() -> int:
    """Delete idempotent calls that are past their day; returns how many."""
    return idempotency.purge_calls()


@shared_task(name="gateway.usage_imports", time_limit=6 * 3600 + 60)
def usage_imports() -> int:
    """Import what was uploaded, one file at a time; returns how many."""
    return imports.run_waiting()


@shared_task(name="gateway.erasures", time_limit=3_500)
def erasures() -> int:
    """Erase the end users that people asked for; returns how many."""
    return erasure.run_waiting()


@shared_task(name="gateway.erase_in_archives", time_limit=21_600)
def erase_in_archives() -> int:
    """Take erased end users out of archived months; returns how many erasures wait for archives still."""
    return erasure.erase_in_archives()


@shared_task(name="gateway.look_again", time_limit=3_500)
def look_again() -> int:
    """Look for late lines of end users that were erased; returns how many names are looked for."""
    return erasure.look_again()


@shared_task(name="gateway.erase_unseen", time_limit=3_500)
def erase_unseen() -> int:
    """Queue the erasure of end users whose time is over; returns how many."""
    return erasure.erase_unseen()
