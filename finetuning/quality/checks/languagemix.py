"""Lines in another language than nearly all others. Where the file has several languages, none is odd."""

import re

from ..examples import Example, Turn
from ..languages import language
from .base import Check

DOMINANT = 0.9
ANSWER_CHARACTERS = 40
_MEANT = re.compile(
    r"translat|übersetz|tradu|перев|翻訳|翻译|language|multilingual|english|spanish|french|german|italian|portuguese|chinese"
    r"|mandarin|japanese|korean|russian|arabic|hindi|latin|greek|dutch|swedish|polish|turkish|hebrew|say .{1,40} in\b"
    r"|spanisch|deutsch|español|français|inglés|anglais|lyrics|idiom|haiku",
    re.IGNORECASE,
)
_CODE = re.compile(r"```|[{};]\s*$|\bdef \w+\(|</\w+>|\bimport \w+|=>|\bSELECT\b", re.MULTILINE)


class LanguageMix(Check):
    def look(self, example: Example) -> None:
        main = self.context.profile.language
        if not main or self.context.profile.language_share < DOMINANT:
            return
        asked = next((turn for turn in example.turns if turn.role == "user"), None)
        odd = self._odd(asked, main) if asked else ""
        if asked and odd:
            self.found(
                "language_mix", example, f"The question is in “{odd}”, nearly all others in “{main}”.", path=asked.path
            )
            return
        answer = example.answer
        if answer and len(answer.text) >= ANSWER_CHARACTERS and not self.context.profile.is_label(answer.text):
            meant = any(
                _MEANT.search(turn.text) for turn in example.turns if turn.role in ("system", "developer", "user")
            )
            odd = "" if meant else self._odd(answer, main)
            if odd:
                self.found("language_mix", example, f"The answer is in “{odd}”, the question is not.", path=answer.path)

    def _odd(self, turn: Turn, main: str) -> str:
        if _CODE.search(turn.text[:1_000]):
            return ""
        found = language(turn.text)
        return found if found != main else ""
