"""A summary written by a model of the caller's choice, into which we put the figures. Optional, off by default.

The model is sent aggregates as named placeholders with their meaning, never a request, prompt or answer, and no figure.
It answers with a text in which figures stand as placeholders; an answer with a figure of its own (digits, fractions,
number words, signs of money or per cent), an unknown placeholder, or that leaves out the first figure is refused, and
the template is used.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol, Self

PLACEHOLDER = re.compile(r"\{([a-z_]+[a-z])\}")
LONGEST = 600
SIGNS = frozenset("%‰$€£¥")
NUMBER_WORDS = re.compile(
    r"\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|(?:m|b|tr)illions?|dozens?|half|halved|twice|"
    r"thrice|doubl(?:e|ed|ing)|tripl(?:e|ed|ing)|quadrupl(?:e|ed|ing)|\w+fold|percent|per cent)\b",
    re.IGNORECASE,
)
TASK = (
    "You explain an anomaly in the use of language models to its owner in at most three plain sentences. "
    "You are given placeholders and what each stands for. Write each figure and name as its placeholder in braces, "
    "such as {actual}. Write no digits and no number words. Do not advise. Use {actual} and {expected}."
)


class Client(Protocol):
    """The part of `openai.OpenAI` that is used."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, at: Any) -> None: ...

    @property
    def chat(self) -> Any: ...


class Refused(ValueError):
    """The model's text may not be shown; the message says why."""


def narrate(
    client: Client, model: str, facts: Mapping[str, str], meanings: Mapping[str, str], *, task: str = TASK
) -> str:
    """The model's sentences with `facts` in the places of their placeholders.

    `meanings`: what each placeholder stands for; `task`: what the model is told to write, which uses {actual}.
    Raises Refused, and whatever the client raises.
    """
    listed = "\n".join(f"{{{name}}}: {meanings[name]}" for name in sorted(facts))
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": task}, {"role": "user", "content": listed}],
        max_tokens=300,
        temperature=0,
    )
    return filled(answer.choices[0].message.content or "", facts)


def filled(text: str, facts: Mapping[str, str]) -> str:
    """`text` with the facts inserted. Raises Refused."""
    text = " ".join(text.split())
    bare = PLACEHOLDER.sub("", text)
    if any(character.isnumeric() or character in SIGNS for character in bare) or NUMBER_WORDS.search(bare):
        raise Refused("the model wrote a figure of its own")
    if "{" in bare or "}" in bare:
        raise Refused("the model wrote a broken placeholder")
    named = set(PLACEHOLDER.findall(text))
    if unknown := named - facts.keys():
        raise Refused(f"the model wrote an unknown placeholder: {', '.join(sorted(unknown))}")
    if "actual" not in named or len(text) > LONGEST:
        raise Refused("the text leaves out the figure or is too long")
    return PLACEHOLDER.sub(lambda match: facts[match.group(1)], text)
