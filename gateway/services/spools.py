"""Spools whose owner is silent: what it wrote is not booked to its end, and its leases hold budget money (rule 9)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.module_loading import import_string

from gateway.ledger.hooks import close_spool
from gateway.models import SpoolCursor
from gateway.services import audit

SILENT_AFTER = timedelta(minutes=1)
"""A data plane beats each second, and a writer adopts the spool of one that is dead within seconds."""


def silent_spools(now: datetime) -> list[str]:
    """Ids of those that are not closed, the longest silent first. One query."""
    return list(_silent(now).order_by("seen_at").values_list("spool_id", flat=True))


def _silent(now: datetime) -> Any:
    seen = SpoolCursor.objects.filter(closed_at=None).annotate(seen_at=Coalesce("owner_seen_at", "registered_at"))
    return seen.filter(seen_at__lt=now - SILENT_AFTER)


def leased(spools: Collection[str]) -> dict[str, Decimal]:
    """Budget money that the leases of their owners hold, by currency: `settings.GATEWAY_LEASED`. One query, or none."""
    found: dict[str, Decimal] = import_string(settings.GATEWAY_LEASED)(spools) if spools else {}
    return found


@transaction.atomic
def give_up(spool: str) -> bool:
    """Close a silent spool whose disk is lost: its leases end, its lines are not booked unless the disk turns up. False
    when it is closed, not silent or not known."""
    held = {currency: str(amount) for currency, amount in leased([spool]).items()}
    now = timezone.now()
    if not _silent(now).filter(pk=spool).update(closed_at=now):
        return False
    close_spool(connection.connection, spool)
    audit.record(
        organization=None, actor=None, verb="spool.give_up", target=SpoolCursor.objects.get(pk=spool),
        after={"leased": held},
    )  # fmt: skip
    return True
