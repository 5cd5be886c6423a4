"""All planted changes in one pair of documents, so that each language compiles twice and not sixty times.

Each change is planted in a copy of the small document of its own, whose names begin with its number.
"""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from sdkgen.ir import build
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.language import Language
from sdkgen.languages.base.names import Lock
from tests.sdkgen.versions.test_compare import PLANTED, Document, document


def first_parameter(said: Document) -> None:
    said["paths"]["/v1/notes/{id}"]["get"]["parameters"].append(
        {"name": "lang", "in": "query", "schema": {"type": "string"}}
    )


PLANTS: list[Callable[[Document], Any]] = [*(row[1] for row in PLANTED), first_parameter]


class Unlocked:
    """A language whose names follow the rules: the lock is of another document."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def lock(self) -> Lock:
        return Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._language, name)


def _numbered(said: Document, number: int) -> Document:
    """A copy whose paths, ids, types, places and errors are its own."""
    text = json.dumps(said)
    for name in said["components"]["schemas"]:
        text = text.replace(f'#/components/schemas/{name}"', f'#/components/schemas/P{number}{name}"')
    found: Document = json.loads(text)
    found["components"]["schemas"] = {f"P{number}{name}": one for name, one in found["components"]["schemas"].items()}
    found["paths"] = {f"/p{number}{path}": item for path, item in found["paths"].items()}
    for item in found["paths"].values():
        for operation in item.values():
            operation["operationId"] += str(number)
            operation["x-sdk"]["resource"] = [f"p{number}_notes"]
    for error in found["x-sdk"]["errors"]:
        error["code"] += f"_{number}"
        error["name"] += f"P{number}"
    return found


def _merged(documents: list[Document]) -> Document:
    whole = documents[0]
    for one in documents[1:]:
        whole["paths"] |= one["paths"]
        whole["components"]["schemas"] |= one["components"]["schemas"]
        whole["x-sdk"]["errors"] += one["x-sdk"]["errors"]
    return whole


def _planted(plant: Callable[[Document], Any]) -> Document:
    after = copy.deepcopy(document())
    plant(after)
    return after


def pair() -> tuple[Api, Api]:
    """Before and after all of them."""
    old = _merged([_numbered(document(), number) for number, _ in enumerate(PLANTS)])
    new = _merged([_numbered(_planted(plant), number) for number, plant in enumerate(PLANTS)])
    return build(old), build(new)


def number_of(subject: str) -> int:
    """Of the planted change that a subject is about."""
    found = re.search(r"p(\d+)_notes|P(\d+)[A-Z]|_(\d+)$", subject)
    assert found is not None, subject
    return int(next(filter(None, found.groups())))
