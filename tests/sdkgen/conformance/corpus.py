"""The vectors, and whether what a driver printed and a server recorded is what a vector expects."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.sdkgen.conformance.server import Asked

FOLDER = Path(__file__).parent / "vectors"


def vectors() -> list[dict[str, Any]]:
    """All, by file and in its order. Raises ValueError for two of one id."""
    found = [vector for file in sorted(FOLDER.glob("*.json")) for vector in json.loads(file.read_text())]
    ids = [vector["id"] for vector in found]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"two vectors of one id: {', '.join(sorted(twice))}")
    return found


def command(vector: dict[str, Any], url: str) -> dict[str, Any]:
    """The line that a driver reads."""
    return {"id": vector["id"], "base_url": url, **vector["call"]}


def differences(vector: dict[str, Any], outcome: dict[str, Any], asked: list[Asked]) -> list[str]:
    """What is not as expected; nothing when the vector passes."""
    expected = vector["expect"]
    found = list(_differ(expected.get("outcome", {}), outcome, "outcome"))
    if "requests" in expected:
        if len(asked) != len(expected["requests"]):
            found.append(f"{len(asked)} requests, not {len(expected['requests'])}")
        for number, (wanted, one) in enumerate(zip(expected["requests"], asked, strict=False)):
            found += _request(wanted, one, f"request {number}")
    if "delays" in expected:
        delays = outcome.get("delays", [])
        if len(delays) != len(expected["delays"]):
            found.append(f"{len(delays)} repeats, not {len(expected['delays'])}")
        for delay, (least, most) in zip(delays, expected["delays"], strict=False):
            if not least <= delay <= most:
                found.append(f"a pause of {delay} s, not {least} to {most} s")
    if expected.get("same_key"):
        keys = {one.headers.get("idempotency-key") for one in asked}
        if len(keys) != 1 or None in keys:
            found.append(f"not one idempotency key in all requests: {keys}")
    return found


def _request(wanted: dict[str, Any], one: Asked, where: str) -> Iterable[str]:
    for name in ("method", "path"):
        if name in wanted and wanted[name] != getattr(one, name):
            yield f"{where}: {name} {getattr(one, name)!r}, not {wanted[name]!r}"
    for name, value in wanted.get("headers", {}).items():
        if one.headers.get(name) != value:
            yield f"{where}: header {name} is {one.headers.get(name)!r}, not {value!r}"
    for name in wanted.get("no_headers", ()):
        if name in one.headers:
            yield f"{where}: there is a header {name}"
    if "json" in wanted and json.loads(one.body or b"null") != wanted["json"]:
        yield f"{where}: the body is {one.body!r}"
    if "bytes" in wanted and sorted(one.body) != sorted(wanted["bytes"].encode()):
        yield f"{where}: the body is {one.body!r}, not {wanted['bytes']!r} up to the order of fields"
    for part in wanted.get("contains", ()):
        if part.encode() not in one.body:
            yield f"{where}: the body has no {part!r}"


def _differ(wanted: Any, found: Any, where: str) -> Iterable[str]:
    """Objects may have more than is wanted, everything else is equal."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name not in found:
                yield f"{where}.{name} is missing"
            else:
                yield from _differ(value, found[name], f"{where}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differ(one, other, f"{where}.{index}")
    elif wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield f"{where} is {found!r}, not {wanted!r}"
