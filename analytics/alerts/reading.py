"""What one look at one subject found. Pure."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """`subject`: stable within the rule, empty where there is one thing; `label`: what people call it. `is_breached`
    None: nothing was measured. `text`: one sentence with the figures in it."""

    subject: str
    label: str
    is_breached: bool | None
    value: Decimal | None
    threshold: Decimal | None
    text: str
