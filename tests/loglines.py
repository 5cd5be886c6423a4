"""Log lines with the fields that they would have."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from structlog.contextvars import get_contextvars


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append({"event": record.getMessage(), **get_contextvars()})


@contextmanager
def logged(name: str, level: int = logging.INFO) -> Iterator[list[dict[str, Any]]]:
    """Lines of one logger: `event`, and what is bound to the context at that moment, as `config.logs` merges it."""
    logger, handler = logging.getLogger(name), _Kept()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
