"""Loaded by Schemathesis itself (`SCHEMATHESIS_HOOKS`), beside its own checks."""

import ast
import threading
from typing import Any

import schemathesis

from tests.fuzz_bodies import Bodies

_parse, _one_at_a_time = ast.parse, threading.RLock()


def _parse_alone(*args: Any, **options: Any) -> Any:
    """Python 3.11 counts the depth of all threads' trees together and fails where two parse at once; Hypothesis
    parses the lambdas of its strategies, in each of Schemathesis' workers."""
    with _one_at_a_time:
        return _parse(*args, **options)


ast.parse = _parse_alone

_bodies: dict[int, Bodies] = {}
"""By the schema's identity: a run has one, which lives as long as the run."""


@schemathesis.check
def what_fits_no_schema_is_refused(ctx: Any, response: Any, case: Any) -> None:
    if response.status_code >= 300 or case.media_type != "application/json":
        return
    if isinstance(case.body, bytes) or type(case.body).__name__ == "NotSet":
        return
    schema = case.operation.schema
    if id(schema) not in _bodies:
        _bodies[id(schema)] = Bodies(schema.raw_schema)
    fault = _bodies[id(schema)].fault(case.method, case.operation.path, case.body)
    assert fault is None, f"was taken with {response.status_code}, though {fault}"
