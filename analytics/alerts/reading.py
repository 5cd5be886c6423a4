"""What one look at one subject found. Pure."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """`subject`: stable within the rule, empty where there is one thing; `label`: what people call it. `is_breached`
    None: nothing was measured. `text`: one sentence with the figures in it. `is_once`: it is told once that the subject
    fires and once that it is over, whatever it does afterwards; for subjects that name a period."""

    subject: str
    label: str
    is_breached: bool | None
    value: Decimal | None
    threshold: Decimal | None
    text: str
    is_once: bool = False
