"""The board of providers: of the requests that one sees, from the rollups alone."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from random import Random

from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.rollups.marks import drain_marks
from gateway.models import Provider
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn

PAGE = "/admin/providers/"


def calls(company: Company) -> None:
    at, rng = datetime.now(UTC) - timedelta(seconds=20), Random(1)
    ok = [line(company, at, rng, provider="openai", project_slug="search") for _ in range(3)]
    failed = line(
        company, at, rng, provider="openai", project_slug="search", status="upstream_error", http_status=503,
        error_type="upstream_503",
    )  # fmt: skip
    load(company, [*ok, failed])
    drain_marks()


def card_of(sign_in: SignIn, name: str, provider: str) -> str:
    cache.clear()
    page = sign_in(name).get(PAGE).content.decode()
    found = re.search(rf'<section class="card" aria-labelledby="p-{provider}">.*?</section>', page, re.S)
    assert found
    return unescape(found[0])


def test_the_board_is_of_the_requests_that_one_sees(company: Company, sign_in: SignIn) -> None:
    calls(company)
    openai = str(Provider.objects.get(slug="openai").pk)

    everything, nothing = card_of(sign_in, "alice", openai), card_of(sign_in, "dave", openai)

    assert "<dt>Available, 1 h</dt><dd>75.0\u202f%</dd>" in everything
    assert "<dt>Attempts, 1 h</dt><dd>4</dd>" in everything
    assert "The provider answered with status 503." in everything
    assert "Degraded" in everything
    assert "<dt>Attempts, 1 h</dt><dd>0</dd>" in nothing
    assert "No traffic" in nothing
    assert "Last failure" not in nothing
    link = re.search(r'Last failure [^<]*<a href="([^"]+)"', everything)
    assert link
    assert "upstream_503" in card_rows(sign_in, link[1])


def card_rows(sign_in: SignIn, url: str) -> str:
    """The list of requests that a link leads to, with the column of errors."""
    return sign_in("alice").get(f"{url}&columns=error_type,status").content.decode()


def test_the_ledger_is_not_read(company: Company, sign_in: SignIn) -> None:
    calls(company)
    alice = sign_in("alice")
    cache.clear()

    with CaptureQueriesContext(connection) as captured:
        assert alice.get(PAGE).status_code == 200

    assert [each["sql"] for each in captured if "gateway_ledgerline" in each["sql"]] == []
    assert len(captured) <= 14


def test_one_that_is_off_stays_on_the_board(company: Company, sign_in: SignIn) -> None:
    Provider.objects.filter(slug="openai").update(is_enabled=False)

    card = card_of(sign_in, "alice", str(Provider.objects.get(slug="openai").pk))

    assert ">Off<" in card
    assert "<dt>Available, 30 d</dt><dd>—</dd>" in card
