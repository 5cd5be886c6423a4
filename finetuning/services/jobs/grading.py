"""Graders of reinforcement jobs: their shape is checked before anything is sent.

Source: OpenAI's API reference, "Graders"; the types are those of `openai` 3.54.0 that reinforcement takes.
"""

from collections.abc import Mapping
from typing import Any

from gateway.services.errors import Invalid

NEEDS: dict[str, tuple[str, ...]] = {
    "string_check": ("name", "input", "reference", "operation"),
    "text_similarity": ("name", "input", "reference", "evaluation_metric"),
    "python": ("name", "source"),
    "score_model": ("name", "model", "input"),
    "multi": ("name", "graders", "calculate_output"),
}
OPERATIONS = ("eq", "ne", "like", "ilike")


def check_grader(grader: Any, path: str = "grader") -> None:
    """Raises `Invalid` with what is missing."""
    if not isinstance(grader, Mapping):
        raise _bad(f"The {path} is a JSON object.")
    kind = grader.get("type")
    if not isinstance(kind, str) or kind not in NEEDS:
        raise _bad(f"The type of the {path} is one of {', '.join(NEEDS)}.")
    if missing := [name for name in NEEDS[kind] if not grader.get(name)]:
        raise _bad(f"The {path} of type {kind} needs {', '.join(missing)}.")
    if kind == "string_check" and grader["operation"] not in OPERATIONS:
        raise _bad(f"The operation of the {path} is one of {', '.join(OPERATIONS)}.")
    if kind == "multi":
        graders = grader["graders"]
        if not isinstance(graders, Mapping):
            raise _bad(f"The graders of the {path} are an object of graders by name.")
        for name, one in graders.items():
            if isinstance(one, Mapping) and one.get("type") == "multi":
                raise _bad(f"The {path} holds another multi grader, which is not offered.")
            check_grader(one, f"{path}.{name}")


def _bad(message: str) -> Invalid:
    return Invalid("grader", message, field="grader")
