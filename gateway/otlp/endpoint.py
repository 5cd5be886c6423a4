"""How the OTLP endpoint stands: what is said of it in the log."""

import logging

logger = logging.getLogger(__name__)


class Endpoint:
    """Says once that it refuses data, and once that it takes data again."""

    def __init__(self) -> None:
        self._is_failing = False

    def takes(self) -> None:
        if self._is_failing:
            logger.info("the OTLP endpoint takes data again")
        self._is_failing = False

    def refuses(self, reason: str) -> None:
        if not self._is_failing:
            logger.warning("the OTLP endpoint refuses data: %s", reason)
        self._is_failing = True
