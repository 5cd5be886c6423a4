"""The simulator's own token rule: cheap, lossless and independent of every real tokenizer.

A token is up to 8 ASCII letters or up to 3 digits (each with one leading space), one other visible character
(with one leading space), or one run of white space. Joining the tokens of a text gives the text back.
"""

import re

_TOKEN = re.compile(r" ?[A-Za-z]{1,8}| ?[0-9]{1,3}| ?[^\sA-Za-z0-9]|\s+")


def split_tokens(text: str) -> list[str]:
    """Tokens of `text`, in order; `"".join` of the result equals `text`."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Number of tokens in `text`; 0 for the empty string."""
    return len(_TOKEN.findall(text))
