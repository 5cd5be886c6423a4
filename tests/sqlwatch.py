"""Texts that would be SQL if anything pasted them into a statement, and a watch over the statements that are run."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.http import QueryDict

SLEEP_S = 30
LIMIT_S = 10.0
"""Far below the sleep, far above what an answer takes on a busy machine."""
PAYLOADS = [
    "' OR '1'='1", "1; DROP TABLE gateway_virtualkey; --", "1) UNION SELECT digest FROM gateway_virtualkey --",
    f"\" || pg_sleep({SLEEP_S}) || \"", f"id; SELECT pg_sleep({SLEEP_S})", "%' ESCAPE '", "\\x00", "a\x00b",
    "-created_at,(SELECT 1)", "9" * 40, "-1", "1e400", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00",
    "../../etc/passwd", "{{7*7}}", "é" * 300,
]  # fmt: skip
_MARKS = ("' OR '1'='1", "DROP TABLE gateway_virtualkey", "UNION SELECT digest", "pg_sleep(", "ESCAPE ''", "(SELECT 1)")
"""What no statement has in its text: values travel beside it."""
_WRITES = re.compile(
    r"\b(?:INSERT INTO|DELETE FROM|TRUNCATE(?: TABLE)?|(?:DROP|ALTER|CREATE) TABLE|(?<!FOR )(?<!FOR NO KEY )UPDATE)"
    r"\s+(?!SKIP|OF\b)(?:ONLY )?\"?(\w+)"
)


@dataclass
class Watch:
    """A wrapper of Django's `execute`: keeps statements with a payload in their text, and the tables written to."""

    pasted: list[str] = field(default_factory=list)
    written: set[str] = field(default_factory=set)

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = sql if isinstance(sql, str) else sql.as_string(None)
        if any(mark in text for mark in _MARKS):
            self.pasted.append(text[:300])
        self.written |= set(_WRITES.findall(text))
        return execute(sql, params, many, context)


@dataclass
class Asked:
    """One question: its status, how long it took, what the watch saw."""

    status: int
    took_s: float
    watch: Watch

    def faults(self, may_write: frozenset[str] = frozenset()) -> list[str]:
        found = [f"status {self.status}"] if self.status >= 500 else []
        found += [f"took {self.took_s:.1f} s"] if self.took_s > LIMIT_S else []
        found += [f"pasted: {text}" for text in self.watch.pasted]
        return found + [f"wrote {table}" for table in sorted(self.watch.written - may_write)]


def ask(client: Any, path: str, parameters: dict[str, str], **more: Any) -> Asked:
    """A `GET`, its answer read to the end; what it wrote is taken back."""
    watch, began = Watch(), time.monotonic()
    with transaction.atomic(), connection.execute_wrapper(watch):
        response = client.get(path, parameters, **more)
        if response.streaming and not response.is_async:
            b"".join(response)
        connection.set_rollback(True)
    return Asked(response.status_code, time.monotonic() - began, watch)


@contextmanager
def names_asked_for() -> Iterator[set[str]]:
    """Names that views look up in a query from now on, while it lasts."""
    seen: set[str] = set()

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def look(query: QueryDict, key: Any, *more: Any, **named: Any) -> Any:
            seen.add(key)
            return method(query, key, *more, **named)

        return look

    with ExitStack() as stack:
        for name in ("__getitem__", "__contains__", "get", "getlist"):
            stack.enter_context(mock.patch.object(QueryDict, name, watched(getattr(QueryDict, name)), create=True))
        yield seen
