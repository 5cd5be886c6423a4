"""One difference between two representations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["none", "sent", "received", "both"]


@dataclass(frozen=True, slots=True)
class Change:
    """`rule` is its kind (see `levels.RULES`), `subject` the method or type and field in words of the representation
    (`chat.completions.create`, `ChatMessage.content`), `pointer` its place in the newer document, or in the older one
    when it is gone. `direction`: whether the place is sent, received or both. `operations` are the ids of the methods
    that reach it, sorted. `before` and `after` are what stood and stands there, None for nothing."""

    rule: str
    subject: str
    pointer: str
    text: str
    direction: Direction = "none"
    operations: tuple[str, ...] = ()
    before: Any = None
    after: Any = None

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Change":
        """What `as_json` wrote."""
        return cls(**{**said, "operations": tuple(said["operations"])})

    def as_json(self) -> dict[str, Any]:
        """For storage and the API."""
        return {
            "rule": self.rule, "subject": self.subject, "pointer": self.pointer, "text": self.text,
            "direction": self.direction, "operations": list(self.operations), "before": self.before,
            "after": self.after,
        }  # fmt: skip
