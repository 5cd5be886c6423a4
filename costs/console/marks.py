"""Prices that began or ended, as marks on charts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from costs.models import PriceOverride
from gateway.console.parts import Mark
from gateway.models import Organization, User

MOST = 60


def price_changes(user: User, organization: Organization, start: datetime, end: datetime) -> list[Mark]:
    """The newest `MOST` instants of `[start, end)` from which calls cost something else by what `user` may see of the
    prices stated here. A price that follows another at once is one change. One query."""
    rows = PriceOverride.objects.visible_to(user).filter(Q(organization=organization) | Q(organization=None))
    begins, ends = Q(valid_from__gte=start, valid_from__lt=end), Q(valid_to__gte=start, valid_to__lt=end)
    found = list(rows.filter(begins | ends).order_by("-valid_from", "-id")[: 2 * MOST])
    begun = {(row.provider, row.model, row.valid_from) for row in found}
    changes = [
        Mark(row.valid_from, f"Price of {_subject(row)} from here", _url(row))
        for row in found
        if start <= row.valid_from < end
    ]
    changes += [
        Mark(row.valid_to, f"Price of {_subject(row)} ended", _url(row))
        for row in found
        if row.valid_to and start <= row.valid_to < end and (row.provider, row.model, row.valid_to) not in begun
    ]
    return sorted(changes, key=lambda mark: mark.at)[-MOST:]


def _subject(row: PriceOverride) -> str:
    return f"{row.model} ({row.provider})"


def _url(row: PriceOverride) -> str:
    return reverse("admin:costs_priceoverride_change", args=[row.pk])
