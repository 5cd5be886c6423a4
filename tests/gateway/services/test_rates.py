"""What a rate's id says."""

import pytest

from gateway.services.rates import RateParts, read_rate

LONG = "genai-prices@0.2.3:openai/gpt-5.4:input:initial:gt272000"


@pytest.mark.parametrize(
    ("rate_id", "parts", "words"),
    [
        (LONG, RateParts("list", "genai-prices", "0.2.3", above_tokens=272_000),
         "genai-prices 0.2.3, prompts above 272,000 tokens"),
        ("litellm@1.106.2:aws/amazon.nova-pro-v1:0:input:2026-06-01:region=us-gov-west-1,service_tier=flex",
         RateParts("list", "litellm", "1.106.2", "", "2026-06-01", ("region=us-gov-west-1", "service_tier=flex")),
         "litellm 1.106.2, since 2026-06-01, in us-gov-west-1, flex"),
        ("override:7f:input", RateParts("own", contract="7f"), "your own price"),
        (f"override:7f:input:{LONG}", RateParts("own", "genai-prices", "0.2.3", "7f", above_tokens=272_000),
         "your discount off genai-prices 0.2.3, prompts above 272,000 tokens"),
        ("override:7f:input:own:input:service_tier=flex:gt10",
         RateParts("own", contract="7f", context=("service_tier=flex",), above_tokens=10),
         "your own price, flex, prompts above 10 tokens"),
        (f"commitment:9:input:{LONG}", RateParts("commitment", "genai-prices", "0.2.3", "9", above_tokens=272_000),
         "covered by a commitment, prompts above 272,000 tokens"),
        ("commitment:9", RateParts("commitment", contract="9"), "covered by a commitment"),
        ("import:file", RateParts("file"), "as the imported file says"),
        ("book:in", RateParts("unknown", "book"), "book"),
        ("", RateParts("unknown"), "unknown"),
    ],
)  # fmt: skip
def test_a_rate_id_is_read(rate_id: str, parts: RateParts, words: str) -> None:
    found = read_rate(rate_id, "input")

    assert (found, found.words()) == (parts, words)
