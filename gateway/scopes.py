"""What limits and budgets are about: the names of scopes, and the values that stand for each subject of one. Pure."""

from uuid import UUID

ORGANIZATION, TEAM, PROJECT, KEY = "organization", "team", "project", "key"
USER, END_USER, TAG, MODEL = "user", "end_user", "tag", "model"
EACH = "*"
"""Scope value of what every subject of the scope has for itself; for tags `name=*`."""
OF_A_CALL = frozenset({END_USER, TAG, MODEL})
"""Scopes in which calls of one key differ."""
NARROWNESS = {
    name: rank for rank, name in enumerate((KEY, END_USER, USER, TAG, MODEL, PROJECT, TEAM, ORGANIZATION))
}  # fmt: skip
"""Of several that bind, the one with the lowest rank is named to the caller."""


def each_of(scope: str, value: str) -> str:
    """The scope value that stands for each, which `value` falls under."""
    return f"{value.partition('=')[0]}={EACH}" if scope == TAG else EACH


def is_each(value: str) -> bool:
    """Whether a scope value stands for each subject of its scope."""
    return value == EACH or value.endswith(f"={EACH}")


def is_id(value: str) -> bool:
    """Whether a scope value names a row; not one that stands for each, nor one that was written past the services."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True
