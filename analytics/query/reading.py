"""Where an answer is read: on the replica when it is near enough and has the data that the question saw, else on the
primary. One answer is one snapshot either way.

The versions of the data come from the primary, with the scope. A replica that does not have them yet is not asked, so
nobody sees figures older than the ones of a moment ago, or than what they changed themselves.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from analytics.patience import is_limited
from analytics.query.scope import Scope
from gateway import replica

_VERSIONS = (
    "SELECT coalesce(sum(version), 0), coalesce(sum(live_version), 0) FROM analytics_rollupstate "
    "WHERE organization = ANY(%s)"
)


def fetch(scope: Scope, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns, and the rows. On the replica two statements and one to begin."""
    if _may_use_replica():
        try:
            with replica.snapshot() as cursor:
                if _has_versions(cursor, scope):
                    return _answer(cursor, statement, parameters)
        except replica.FAILURES as error:
            replica.gave_up(error)
    with connection.cursor() as cursor:
        return _answer(cursor, statement, parameters)


def _may_use_replica() -> bool:
    """Not inside a transaction, whose snapshot and writes are the primary's, nor when somebody's patience is counted
    there."""
    return replica.is_configured() and not connection.in_atomic_block and not is_limited() and replica.is_usable()


def _has_versions(cursor: Any, scope: Scope) -> bool:
    cursor.execute(_VERSIONS, [list(scope.organizations)])
    version, live_version = cursor.fetchone()
    return bool(version >= scope.version and live_version >= scope.live_version)


def _answer(cursor: Any, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor.execute(statement, parameters)
    return [column.name for column in cursor.description or ()], cursor.fetchall()
