"""Versions of the SDKs in the console."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from config.demo import releases as demo
from sdkgen import releases
from sdkgen.ir import build
from sdkgen.models import Release
from sdkgen.services import store_release
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.sdkgen.api.test_versions import changed, document

PAGE = "/admin/sdks/versions/"
QUERIES = 9


def test_before_the_first_release(company: Company, sign_in: SignIn) -> None:
    assert "No release yet" in text_of(sign_in("bob"), PAGE)


def test_two_releases(company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    first = store_release(version="1.0.0", document=document(), api=build(document()))
    store_release(version="2.0.0", document=changed(), api=build(changed()), previous=first)
    client = sign_in("bob")
    client.get(PAGE)
    with django_assert_num_queries(QUERIES):
        html = client.get(PAGE).content.decode()

    text = text_of(client, PAGE)
    assert "Breaking 4 0 concern you by your calls" in text
    assert "1. Ask.tone is gone. Not called" in text
    assert "Take it out; the gateway neither reads nor sends it." in text
    assert "tone=&quot;example&quot;" in html
    assert "No call by this SDK" in text
    assert "You may not read the audit trail" in text
    go = text_of(client, f"{PAGE}?language=go&from=1.0.0&to=2.0.0")
    assert "gateway.Ask{Text: " in go
    assert "These two cannot be compared." in text_of(client, f"{PAGE}?from=2.0.0&to=1.0.0")
    assert client.get(f"{PAGE}?language=cobol&from=nothing").status_code == 200
    file = client.get(f"{PAGE}guide/?language=typescript")
    assert file["Content-Disposition"] == 'attachment; filename="migrate-typescript-1.0.0-2.0.0.md"'
    assert file.content.decode().startswith("# TypeScript: from 1.0.0 to 2.0.0\n")
    assert client.get(f"{PAGE}guide/?from=9").status_code == 404


@pytest.mark.slow
def test_the_demo_has_older_releases(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and not where something else was released."""
    said = changed()
    api = build(said)
    monkeypatch.setattr(releases, "current", lambda: (said, api))

    assert demo.ensure_releases()
    assert not demo.ensure_releases()

    kept = list(Release.objects.values_list("version", "previous__version"))
    assert kept == [("1.0.0", "0.9.0"), ("0.9.0", "0.8.0"), ("0.8.0", None)]
    second = Release.objects.get(version="0.9.0")
    assert len(second.changes) > 500
    assert second.released_at < datetime.now(UTC) - timedelta(days=30)
