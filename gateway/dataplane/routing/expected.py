"""What a call will probably consume at a target: the basis of its expected price."""

from gateway.dataplane.routing.facts import Facts


def usage_of(facts: Facts, output_tokens: float | None, cached_share: float | None) -> dict[str, int]:
    """Token counts as the pricer takes them: the prompt's size, the target's usual answer (the caller's own limit when
    that is less; `guessed` before the first answer), and the share of prompts it usually finds in its cache.

    Rounded to two digits, so that similar calls share a remembered price.
    """
    guess = facts.guess
    expected = guess["output_tokens"] if output_tokens is None else output_tokens
    limit = facts.call.max_tokens
    if limit is not None:
        expected = min(expected, max(0, limit))
    prompt = two_digits(guess["input_tokens"])
    found = {"input_tokens": prompt, "output_tokens": two_digits(expected)}
    if cached_share:
        found["cache_read_tokens"] = min(prompt, two_digits(prompt * cached_share))
    return found


def two_digits(value: float) -> int:
    """Rounded to two significant digits, at least to a whole number."""
    return round(value) if value < 100 else int(float(f"{value:.1e}"))
