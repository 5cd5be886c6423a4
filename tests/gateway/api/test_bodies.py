"""Every JSON body of the matrix with one value made wrong: what is taken all the same fits its schema, read generously
(`tests.fuzz_bodies`). The same check runs over Schemathesis' calls; here it begins at bodies that are valid."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from tests import openapi
from tests.fuzz_bodies import Bodies
from tests.gateway.api.matrix import Row, rows
from tests.gateway.api.places import Places
from tests.gateway.api.test_matrix import World, body
from tests.gateway.api.test_matrix import db as db
from tests.gateway.api.test_matrix import world as world
from tests.gateway.api.test_sql import path_in_document

WRONG: list[Any] = [None, [], {}, "", "x" * 3_000, -1, True, 1.5, [None], "\x00", 10**30, {"x": 1}]
EACH = 4
"""How many of them each value is replaced by, in turn."""
PARTS = 4
WRITES = [row for row in rows() if row.method != "GET" and row.expected["owner"] in (200, 201, 202)]


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from places(value, (*at, key))


def variants(valid: dict[str, Any]) -> Iterator[Any]:
    """The body with one value replaced, or left out."""
    turn = itertools.cycle(WRONG)
    for *way, last in places(valid):
        for wrong in [*itertools.islice(turn, EACH), ...]:
            made = copy.deepcopy(valid)
            parent = made
            for key in way:
                parent = parent[key]
            if wrong is ...:
                del parent[last]
            else:
                parent[last] = wrong
            yield made


def is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return all(map(is_json, value)) if isinstance(value, list) else isinstance(value, str | int | float | None)


def taken(world: World, row: Row, bodies: Bodies) -> Iterator[str]:
    with transaction.atomic():
        valid = body(world.company, row)
        if valid and is_json(valid):
            path = f"/api/v1/{row.path.format_map(Places(world.company, dict(world.lines)))}"
            of = path_in_document(row.method, path)
            for made in variants(valid):
                with transaction.atomic():
                    status = (
                        world.caller("owner")
                        .generic(row.method, path, json.dumps(made), content_type="application/json")
                        .status_code
                    )
                    transaction.set_rollback(True)
                fault = bodies.fault(row.method, of, made) if status < 300 else None
                if status >= 500 or fault:
                    yield f"{row}: {status}, {fault}"[:300]
        transaction.set_rollback(True)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_taken_fits_its_schema(world: World, part: int) -> None:
    cache.clear()
    bodies = Bodies(openapi.document())

    found = [fault for row in WRITES[part::PARTS] for fault in taken(world, row, bodies)]

    assert "\n".join(sorted(set(found))) == ""
