"""Redis as Celery's broker, with a reader that a message which is none does not kill.

kombu lets the error of such a message through; Celery then ends its worker, which takes seconds to start again, and so
the next one with the next such message. Messages are hints that schedules give again (rule 22): dropping one loses
nothing.
"""

import logging
from typing import Any

from kombu.transport import redis

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What text that is no JSON, and JSON that is no message, raise on their way. Errors of the connection are others."""
logger = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Says what it could not read, and goes on."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except UNREADABLE as error:
            logger.error("dropped a message of the broker that is none: %s: %s", type(error).__name__, error)
            return True


class Transport(redis.Transport):
    """Named in `CELERY_BROKER_TRANSPORT`."""

    Channel = Channel
