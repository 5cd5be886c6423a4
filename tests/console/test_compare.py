"""The Compare page: ranks, differences in words, what cannot be told, and whom it is about."""

import re
from datetime import UTC, datetime, timedelta
from random import Random

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.console.company import Company, line, load
from tests.console.conftest import SignIn
from tests.console.test_usage import text_of

PAGE = "/admin/compare/"
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH = "range=custom&from=2026-03-09&to=2026-03-10"


def contested(company: Company) -> None:
    """Sixty equal requests of two models; haiku takes twice as long."""
    rng, lines = Random(1), []
    for i in range(60):
        for model, provider, slow in (("gpt-4o", "openai", 1), ("claude-haiku-4-5", "anthropic", 2)):
            at = DAY + timedelta(seconds=20 * i + slow)
            size = {"input_tokens": 300, "output_tokens": 100, "duration_ms": slow * (400.0 + i % 7)}
            lines.append(line(company, at, rng, model_served=model, provider=provider, **size))
    load(company, lines)


def said(client: Client, query: str) -> str:
    """The words of the page."""
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(client, query, PAGE)).split())


def test_models_are_compared_in_words(company: Company, sign_in: SignIn) -> None:
    contested(company)

    text = said(sign_in("alice"), f"{MARCH}")

    assert "Faster than the other" in text
    assert "gpt-4o is faster than the other on requests alike." in text
    assert "Time to the last byte claude-haiku-4-5 gpt-4o +100.0 %" in text
    assert "One of them has nothing measured" in text


def test_differences_are_narrowed_to_a_measure(company: Company, sign_in: SignIn) -> None:
    contested(company)

    page = sign_in("alice").get(PAGE, {"metric": "speed", "range": "custom", "from": "2026-03-09", "to": "2026-03-10"})

    assert {pair.metric for pair in page.context["pairs"]} == {"Time to the last byte"}
    assert 'href="?range=custom&amp;from=2026-03-09&amp;to=2026-03-10&amp;metric=cost#pairs"' in page.content.decode()
    assert len(sign_in("alice").get(f"{PAGE}?{MARCH}").context["pairs"]) == 4


def test_providers_and_the_choice(company: Company, sign_in: SignIn) -> None:
    contested(company)

    text = said(sign_in("alice"), f"of=provider&same=1&{MARCH}")

    assert "They were never given requests of the same size" in text
    assert "Each model only with itself" in text


def test_nobody_and_one_alone(company: Company, sign_in: SignIn) -> None:
    assert "No requests in this window" in said(sign_in("alice"), f"{MARCH}")
    contested(company)
    assert "Only one was called" in said(sign_in("alice"), f"{MARCH}&who=gpt-4o")


def test_what_is_not_seen_is_not_there(company: Company, sign_in: SignIn) -> None:
    contested(company)

    assert "gpt-4o" not in said(sign_in("mallory"), f"{MARCH}")


def test_query_count(company: Company, sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    contested(company)
    client = sign_in("alice")
    client.get(f"{PAGE}?{MARCH}")

    with django_assert_max_num_queries(16):
        client.get(f"{PAGE}?{MARCH}&who=gpt-4o&who=claude-haiku-4-5")
