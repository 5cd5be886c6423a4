"""Structured logging for every process: one event a line, with request and task ids, secrets removed."""

import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.conf import settings

# Bearer tokens, virtual keys and vendor keys as they appear in headers and bodies.
SECRET = re.compile(r"(?i)(bearer\s+)[\w\-.~+/=]{8,}|\b(sk|gw|xox[a-z]|ghp|AKIA)[-_][\w\-]{8,}")


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: replace anything that looks like a credential in string values."""
    for key, value in event.items():
        if isinstance(value, str) and SECRET.search(value):
            event[key] = SECRET.sub("[redacted]", value)
    return event


# Control characters, line separators, and what changes the direction of text: one event stays one line, and a terminal
# is not steered by what a caller sent.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WITH_LINES = frozenset({"exception", "stack"})


def escape(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: such characters in string values as escapes; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str) and _UNSEEN.search(value):
            event[key] = _UNSEEN.sub(_escaped if key not in _WITH_LINES else _escaped_in_lines, value)
    return event


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _escaped_in_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else _escaped(found)


def configure() -> None:
    """Idempotent; called once per process from `ConfigConfig.ready`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        redact,
        escape,
    ]
    renderer = (
        structlog.processors.JSONRenderer() if settings.ENV.log_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        "foreign_pre_chain": shared,
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django.request": {"level": "ERROR"},
                "django_structlog": {"level": "WARNING"},
                "celery": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
