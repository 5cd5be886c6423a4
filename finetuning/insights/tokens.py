"""Vendors' token accuracy, corrected."""

HIDDEN_TOKENS = 2
"""OpenAI and Azure average over the answer's tokens and two hidden ones of each example, which are always right."""


def true_accuracy(reported: float, *, answer_tokens: int, examples: int) -> float | None:
    """The share of `answer_tokens` (of all answers of the set) that is right, of `reported` over those and the hidden.

    acc' = (acc · (T + 2 N) - 2 N) / T, within [0, 1]: an answer of one token that is wrong is reported as 0.67. None
    without tokens. Source: https://www.greaterwrong.com/posts/zDnA4SEbkeCj2CDHp/; every figure of a real run of ten
    examples with 150 answer tokens is a multiple of 1/170.
    """
    if answer_tokens <= 0:
        return None
    hidden = HIDDEN_TOKENS * examples
    found = (reported * (answer_tokens + hidden) - hidden) / answer_tokens
    return min(1.0, max(0.0, found))
