"""Windows of time in the query of a question."""

from datetime import datetime, timedelta

from django.utils import timezone
from rest_framework.exceptions import ValidationError

FIRST_YEAR, LAST_YEAR = 1971, 2200


def window_of(start: datetime | None, end: datetime | None, *, days: int) -> tuple[datetime, datetime]:
    """`[start, end)`: by default until now, from so many days before. Raises `ValidationError` for years in which
    nothing can have happened, beyond which dates cannot be reckoned with."""
    for name, at in (("start", start), ("end", end)):
        if at is not None and not FIRST_YEAR <= at.year <= LAST_YEAR:
            words = f"Windows lie between {FIRST_YEAR} and {LAST_YEAR}."
            raise ValidationError({name: words}, code="window_out_of_range")
    until = end or timezone.now()
    return start or until - timedelta(days=days), until
