"""End users and declared tags: which keys are rolled up, which values have a row of their own (rule 15).

A value is admitted when a refresh first sees it, and from then on never folded. Past `MAX_VALUES` of one organization
and dimension, new ones are counted together; two refreshes at the same moment may admit a few more than that.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.models import DeclaredTag
from analytics.rollups import cubes
from analytics.rollups.cubes import Grain

MAX_VALUES = 10_000


def declared_keys(organization: UUID) -> list[str]:
    """Tag keys that the organization has declared, in order."""
    return list(DeclaredTag.objects.filter(organization=organization).order_by("key").values_list("key", flat=True))


def parameters(keys: Sequence[str]) -> dict[str, Any]:
    """What the SQL of `analytics.rollups.sql` binds for these keys."""
    return {"max_values": MAX_VALUES, **{f"tag{i}": key for i, key in enumerate(keys)}}


def unfold(organization: UUID) -> None:
    """Something was admitted: have the quarter-hours recomputed in which values of the same organization are folded,
    since the new ones may be among them (there are none until the limit was reached)."""
    _mark(
        f"SELECT DISTINCT organization, bucket FROM {cubes.SUBJECT.table(Grain.QUARTER_HOUR)} "
        "WHERE organization = %s AND value = %s",
        [organization, cubes.FOLDED],
    )


def mark_everything(organization: UUID) -> None:
    """Have everything recomputed that is rolled up: the declared keys are others now."""
    _mark(
        f"SELECT organization, bucket FROM {cubes.CUBE_BY_NAME['total'].table(Grain.QUARTER_HOUR)} "
        "WHERE organization = %s",
        [organization],
    )


def _mark(buckets: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateway_dirtymark (organization, grain, bucket) "
            f"SELECT organization, '{Grain.QUARTER_HOUR}', bucket FROM ({buckets}) b",
            values,
        )
