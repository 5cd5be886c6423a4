"""How long somebody waits for an answer: beyond it the statement is given up, and the question becomes a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

_IS_LIMITED: ContextVar[bool] = ContextVar("analytics_is_limited", default=False)


class TookTooLong(RuntimeError):
    """The answer was not there in time; nothing was changed."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Statements inside are given `seconds` each. Raises `TookTooLong`."""
    token = _IS_LIMITED.set(True)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1000)))])
            yield
    except OperationalError as error:
        if not is_over(error):
            raise
        raise TookTooLong("the answer was not there in time") from error
    finally:
        _IS_LIMITED.reset(token)


def is_limited() -> bool:
    """Whether somebody's patience is counted."""
    return _IS_LIMITED.get()


def is_over(error: BaseException) -> bool:
    """Whether a statement was given up because its asker's patience was over."""
    return _IS_LIMITED.get() and isinstance(error.__cause__, QueryCanceled)
