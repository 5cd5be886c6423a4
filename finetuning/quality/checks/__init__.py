"""The checks of single lines, one a file. Those that compare lines are called by ``inspecting``."""

from .answers import Answers
from .balance import Balance
from .base import Check, Context
from .encoding import Encoding
from .jsonlines import JsonLines
from .keys import Keys
from .languagemix import LanguageMix
from .length import Length
from .pairs import Pairs
from .presidio import Presidio
from .privacy import Privacy
from .refusals import Refusals
from .roles import Roles
from .tools import Tools
from .truncation import Truncation
from .weights import Weights

CHECKS: tuple[type[Check], ...] = (
    JsonLines, Keys, Roles, Answers, Weights, Tools, Pairs, Length, Truncation, Refusals, Balance, Encoding,
    LanguageMix, Privacy, Presidio,
)  # fmt: skip

__all__ = ("CHECKS", "Check", "Context")
