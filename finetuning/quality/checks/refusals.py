"""Answers that are refusals, placeholders or the question again. Phrases are English; others are not recognized."""

import re

from ..examples import Example
from ..text import normalized
from .base import Check

READ_CHARACTERS = 400
COMMON_SHARE = 0.05
_CANNOT = (
    r"(?:can['’]?t|can ?not|could(?: not|n['’]t)|am (?:unable|not able|not allowed|not permitted)"
    r"|['’]m (?:unable|not able)|unable to|won['’]?t|will not|do(?: not|n['’]t) (?:have|feel comfortable)"
    r"|must decline|have to decline)"
)
_SORRY = (
    r"(?:i['’]?m|i am)?\s*(?:very |so |really |truly )?"
    r"(?:sorry|afraid|apologi[sz]e|apologies|unfortunately|regret(?:fully)?)"
)
_HELP = (
    r"(?:assist|help|comply|fulfill?|answer|respond|provide|support|complete|discuss|engage|generate|create|do that"
    r"|continue|process|offer|share|perform)"
)
REFUSAL = re.compile(
    rf"^(?:{_SORRY}\b.{{0,60}}?\b{_CANNOT}"
    rf"|(?:i|we) {_CANNOT} (?:to )?{_HELP}\b"
    rf"|(?:i|we)['’]?(?: am|m|re| are)? (?:unable|not able) to {_HELP}\b"
    r"|.{0,120}\bas an? (?:ai|a\.i\.|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    r"|i['’]?(?: a)?m (?:just |only )?an? (?:ai|(?:large )?language model)\b"
    r"|(?:i|we) do(?: not|n['’]t) have (?:any )?(?:personal |real[- ]time |access to )"
    r"|(?:my apologies|apologies|sorry),? (?:but )?(?:this|that|your) (?:request|question|content)\b"
    r"|this (?:request|content) (?:violates|goes against))",
    re.DOTALL,
)
PLACEHOLDER = re.compile(
    r"[\[<({\"'`*_ ]*(?:n\s?/?\s?a|not (?:applicable|available|provided|specified)"
    r"|no (?:output|answer|response|input|data|content|comment|result)s?"
    r"|no ?(?:output|input)|empty|null|nil|nan|undefined|todo|tbd|fixme|tba|placeholder"
    r"|lorem ipsum.*|xxx+|\?+|-+|\.{2,}|…|error"
    r"|(?:insert|your|enter|write|add) (?:your )?"
    r"(?:text|answer|response|output|content|name)(?: here)?"
    r"|answer|response|output|completion|example output|sample (?:answer|output|response))[\]>)}\"'`*_. !:]*"
)
MAYBE_LABEL = re.compile(r"(?:none|unknown|other|error|empty|null|no answer|n/a|-|\?+|answer|response|output)\W*")
NOTHING = re.compile(r"[\[<({\"'` ]*(?:none|unknown)[\]>)}\"'`. ]*")


class Refusals(Check):
    def look(self, example: Example) -> None:
        if example.answer is None:
            return
        text = normalized(example.answer.text[:READ_CHARACTERS])
        if self._is_label(text):
            return
        path = example.answer.path
        if PLACEHOLDER.fullmatch(text):
            self.found("boilerplate_refusal", example, f"The answer is a placeholder: “{text[:40]}”.", path=path)
        elif REFUSAL.match(text.lstrip("\"'“”*> ")):
            self.found("boilerplate_refusal", example, "The answer refuses, in a model's stock phrase.", path=path)
        elif len(text) >= 12 and " " in text and text == normalized(_last_question(example)):
            self.found("echo", example, "The answer is the question again.", path=path)

    def _is_label(self, text: str) -> bool:
        """A class may be called "none" or "n/a", if it is common; an answer that many lines give is meant."""
        number = self.context.profile.labels.get(text, 0)
        share = number / max(self.context.profile.readable, 1)
        return share >= COMMON_SHARE and (bool(MAYBE_LABEL.fullmatch(text)) or not REFUSAL.match(text))


def _last_question(example: Example) -> str:
    return next((turn.text[:READ_CHARACTERS] for turn in reversed(example.turns) if turn.role == "user"), "")
