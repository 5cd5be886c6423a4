import pytest

from gateway.simulator.limits import RateLimiter, format_reset, openai_headers


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_requests_refill_evenly():
    clock = Clock()
    limiter = RateLimiter(clock)

    verdicts = [limiter.admit("k", 10, rpm=3, tpm=0) for _ in range(4)]

    assert [verdict.refused_by for verdict in verdicts] == [None, None, None, "requests"]
    assert verdicts[3].retry_after_s == 20
    assert openai_headers(verdicts[0].levels) == [
        (b"x-ratelimit-limit-requests", b"3"),
        (b"x-ratelimit-remaining-requests", b"2"),
        (b"x-ratelimit-reset-requests", b"20s"),
    ]
    clock.now = 20
    assert limiter.admit("k", 10, rpm=3, tpm=0).refused_by is None


def test_tokens_and_requests_are_taken_together_or_not_at_all():
    limiter = RateLimiter(Clock())

    assert limiter.admit("k", 100, rpm=2, tpm=150).refused_by is None
    refused = limiter.admit("k", 100, rpm=2, tpm=150)
    assert (refused.refused_by, refused.limit, refused.retry_after_s) == ("tokens", 150, 20)
    assert limiter.admit("k", 50, rpm=2, tpm=150).refused_by is None


def test_key_carries_its_own_limit():
    limiter = RateLimiter(Clock())

    assert limiter.admit("sk-a-rpm-1", 1, rpm=0, tpm=0).refused_by is None
    assert limiter.admit("sk-a-rpm-1", 1, rpm=0, tpm=0).refused_by == "requests"
    assert limiter.admit("sk-b-tpm-5", 5, rpm=0, tpm=0).refused_by is None
    assert limiter.admit("sk-b-tpm-5", 1, rpm=0, tpm=0).refused_by == "tokens"


def test_no_limit_no_headers():
    verdict = RateLimiter(Clock()).admit("k", 10**9, rpm=0, tpm=0)

    assert (verdict.refused_by, verdict.levels) == (None, ())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (6.2, "6.2s"), (20, "20s"), (90, "1m30s"), (3_600, "60m0s")]
)
def test_reset_format(seconds, text):
    assert format_reset(seconds) == text
