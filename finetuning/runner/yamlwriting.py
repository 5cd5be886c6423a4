"""Plain YAML of mappings, lists and scalars: strings are quoted as in JSON, which is YAML (YAML 1.2, section 1.3)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def dump(values: Mapping[str, Any]) -> str:
    """One document in block style, in the order given."""
    return "\n".join(_mapping(values, 0)) + "\n"


def _mapping(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in values.items():
        yield from _entry(f"{'  ' * depth}{name}:", value, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        for item in value:
            yield from _item(item, depth + 1)
    else:
        yield f"{head} {_scalar(value)}"


def _item(item: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not isinstance(item, Mapping):
        yield f"{indent}- {_scalar(item)}"
        return
    first, *rest = _mapping(item, depth + 1)
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0") + ("0" if value == int(value) else "")  # YAML 1.1 reads 2e-05 as a text
    return json.dumps(value, ensure_ascii=False)
