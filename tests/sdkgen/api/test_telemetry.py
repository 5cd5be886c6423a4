"""Which libraries call, read from a ledger made by hand; the sheets; and what the header leaves in the ledger."""

import html
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from gateway.dataplane.callers import about_of, sdk_of
from gateway.models import VirtualKey
from gateway.services import audit
from sdkgen import builds, sheets, telemetry
from sdkgen.ir.nodes import Api
from sdkgen.languages.registry import LANGUAGES
from sdkgen.models import Release
from tests.analytics.api.conftest import book
from tests.factories import Acme, line
from tests.gateway.api.conftest import Caller

START = datetime(2026, 3, 10, tzinfo=UTC)
END = START + timedelta(days=2)
WINDOW = {"start": START.isoformat(), "end": END.isoformat()}
URL = "/api/v1/sdk"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"python/1.0.0; rt=cpython-3.11; os=linux; spec=ab12cd34ef56; try=2; via=stream",
         {"runtime": "cpython-3.11", "os": "linux", "document": "ab12cd34ef56", "retry": 2, "helper": "stream"}),
        (b"python/1.0.0", None),
        (None, None),
        (b"a; try=x; os=" + b"l" * 41 + b"; other=1; rt=<b>", None),
        (b"a; try=9999; os=linux; os=mac", {"os": "linux"}),
        (b"a; try=\xb2;os=linux", {"os": "linux"}),
        (b"a" + b"; x=1" * 8 + b"; os=linux", None),
    ],
)  # fmt: skip
def test_what_is_kept_of_the_header(header: bytes | None, expected: dict[str, Any] | None) -> None:
    assert about_of(header) == expected
    assert sdk_of(b"curl/8", header) == (header.partition(b";")[0].decode() if header else "curl/8")


@pytest.fixture
def telling(company: Acme, api: Api, monkeypatch: pytest.MonkeyPatch) -> Acme:
    """Python 1.0.0 at two addresses with one hour of many repeats, an old Go, and the openai library."""
    monkeypatch.setattr(builds, "representation", lambda: api)
    Release.objects.create(version="1.0.0", document={}, document_sha256="0", representation={}, ir_sha256="0")
    Release.objects.create(
        version="0.9.0", document={}, document_sha256="0123456789abcdef", representation={}, ir_sha256="1",
        released_at=START - timedelta(days=9),
    )  # fmt: skip
    document = api.document_sha[:12]
    python = {"sdk": "python/1.0.0"}
    about = {"runtime": "cpython-3.11", "os": "linux", "document": document, "retry": 0}
    old = {"runtime": "go-1.22", "os": "darwin", "document": "0123456789ab", "retry": 0, "helper": "page"}
    lines = [
        line(company, at=START + timedelta(minutes=i), **python, client_ip_hash=bytes([1 + i % 2]) * 8,
             sdk_about={**about, "retry": int(i < 20)})
        for i in range(50)
    ]  # fmt: skip
    lines += [
        line(company, at=START + timedelta(hours=5), sdk="go/0.9.0", sdk_about=old, status="timeout", http_status=504),
        line(company, at=START + timedelta(hours=6), sdk="go/0.9.0", sdk_about=old, kind="denied", status="denied",
             http_status=402),
        line(company, at=START + timedelta(hours=7), sdk="openai-python/2.8.0", project=company.banner),
        line(company, at=START + timedelta(hours=8), sdk="openai-python/2.8.0", is_final=False),
        line(company, at=START - timedelta(seconds=1), sdk="openai-python/2.8.0"),
        line(company, at=END, sdk="openai-python/2.8.0"),
    ]  # fmt: skip
    book(*lines)
    VirtualKey.objects.update(created_at=START - timedelta(days=9))
    VirtualKey.objects.filter(pk=company.keys["ads"].pk).update(created_at=START + timedelta(hours=6, minutes=58))
    return company


def ask(caller: Caller, role: str = "analyst", window: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = caller(role).post(f"{URL}/analytics", window or WINDOW)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_who_calls_with_what(telling: Acme, caller: Caller, api: Api) -> None:
    said = ask(caller)

    shown = [
        (one["sdk"], one["language"], one["standing"], one["requests"], one["errors"], one["denied"], one["clients"],
         one["keys"], one["retries"], one["retry_rate"])
        for one in said["sdks"]
    ]  # fmt: skip
    assert shown == [
        ("python/1.0.0", "python", "latest", 50, 0, 0, 2, 1, 20, 0.4),
        ("go/0.9.0", "go", "older", 1, 1, 1, 1, 1, 0, 0.0),
        ("openai-python/2.8.0", None, "other", 1, 0, 0, 1, 1, None, None),
    ]
    assert [one["error_rate"] for one in said["sdks"]] == [0.0, 1.0, 0.0]
    assert (said["sdks"][0]["first_seen"], said["sdks"][0]["last_seen"]) == (
        "2026-03-10T00:00:00Z", "2026-03-10T00:49:00Z",
    )  # fmt: skip
    assert said["retry_storms"] == [
        {"sdk": "python/1.0.0", "hour": "2026-03-10T00:00:00Z", "requests": 50, "retries": 20, "share": 0.4}
    ]
    assert said["runtimes"] == [
        {"sdk": "python/1.0.0", "runtime": "cpython-3.11", "os": "linux", "requests": 50},
        {"sdk": "go/0.9.0", "runtime": "go-1.22", "os": "darwin", "requests": 2},
    ]
    assert said["helpers"] == [
        {"sdk": "python/1.0.0", "helper": None, "requests": 50}, {"sdk": "go/0.9.0", "helper": "page", "requests": 2},
    ]  # fmt: skip
    assert [(one["document"], one["version"], one["is_current"], one["requests"]) for one in said["documents"]] == [
        (api.document_sha[:12], None, True, 50), ("0123456789ab", "0.9.0", False, 2),
    ]  # fmt: skip
    # the key of banner was made two minutes before its first call
    assert said["time_to_first_success"] == {
        "keys": 1, "succeeded": 1, "failed_only": 0, "unused": 0, "p50_s": 120.0, "p90_s": 120.0,
    }  # fmt: skip
    assert {note["code"] for note in said["notes"]} == {"other_libraries", "downloads_for_administrators"}


def test_own_sdks_that_say_nothing_besides_are_counted_as_ours(telling: Acme, caller: Caller) -> None:
    book(*(line(telling, at=START + timedelta(hours=30, minutes=i), sdk="java/1.0.0") for i in range(3)))

    said = ask(caller, window={"start": (START + timedelta(hours=30)).isoformat(), "end": END.isoformat()})

    assert [(one["sdk"], one["language"], one["version"], one["standing"], one["retries"]) for one in said["sdks"]] == [
        ("java/1.0.0", "java", "1.0.0", "latest", None)
    ]
    assert (said["runtimes"], said["documents"], said["retry_storms"]) == ([], [], [])
    assert "other_libraries" not in {note["code"] for note in said["notes"]}


def test_a_document_is_known_by_all_that_sdks_say_of_it(telling: Acme, caller: Caller) -> None:
    about = {"runtime": "go-1.22", "os": "linux", "document": "0", "retry": 0}
    book(line(telling, at=START + timedelta(hours=40), sdk="go/0.9.0", sdk_about=about))

    (said,) = ask(caller, window={"start": (START + timedelta(hours=30)).isoformat(), "end": END.isoformat()})[
        "documents"
    ]

    assert (said["document"], said["version"], said["is_current"]) == ("0", None, False)


def test_downloads_are_for_those_who_read_the_audit_trail(telling: Acme, caller: Caller) -> None:
    asked = caller("developer").post(f"{URL}/generate", {"language": "go", "config": {"version": "0.9.0"}}).json()
    job = builds.Job.objects.get(pk=asked["id"])
    for _ in range(2):
        event = audit.record(organization=telling.organization, actor=None, verb="sdk.download", target=job, after={})
    now = {"start": event.at - timedelta(hours=1), "end": event.at + timedelta(hours=1)}

    assert ask(caller, "admin", now)["downloads"] == [
        {"language": "go", "version": "0.9.0", "count": 2, "last_at": event.at.isoformat().replace("+00:00", "Z")}
    ]
    assert ask(caller, "admin")["downloads"] == []
    assert ask(caller, "analyst", now)["downloads"] is None
    assert ask(caller, "mallory")["sdks"] == []


def test_queries_do_not_grow(
    telling: Acme, caller: Caller, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = caller("admin")
    with django_assert_max_num_queries(20):
        client.post(f"{URL}/analytics", WINDOW)


def test_a_large_window_is_cut_to_its_newest_days(
    telling: Acme, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(*(line(telling, at=START + timedelta(hours=30, minutes=i)) for i in range(3)))
    monkeypatch.setattr(telemetry, "MOST_LINES", 20)

    said = ask(caller)

    assert said["start"] == "2026-03-11T00:00:00Z"
    assert [(one["sdk"], one["requests"]) for one in said["sdks"]] == [(None, 3)]
    assert "shorter_window" in {note["code"] for note in said["notes"]}


def test_versions_are_compared_as_numbers() -> None:
    assert telemetry.standing_of("1.9.0", "1.10.0") == "older"
    assert telemetry.standing_of("2.0.0", "1.10.0") == "newer"
    assert telemetry.standing_of("1.10.0", "1.10.0") == "latest"
    assert telemetry.standing_of("1.10", "1.10.0") == telemetry.standing_of(None, "1.0.0") == "other"
    assert telemetry.standing_of("1.0.0", None) == "other"


@pytest.mark.django_db
def test_sheets_of_every_language(caller: Caller, settings: Any) -> None:
    settings.SUPPORT_CONTACT = "platform@acme.example"
    for language in LANGUAGES:
        said = caller("developer").get(f"{URL}/support/{language}").json()
        assert (said["level"], said["end_of_life"], said["contact"]) == ("full", None, "platform@acme.example")
        assert all(issue["workaround"] for issue in said["known_issues"])
    assert caller("developer").get(f"{URL}/support/javascript").json()["language"] == "typescript"
    unknown = caller("developer").get(f"{URL}/support/cobol")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_language")


def test_figures_are_those_that_were_measured(caller: Caller, company: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    run = {
        "language": "go", "version": "1.0.0", "measured_at": "2026-11-29T10:00:00+00:00",
        "environment": {
            "cores": 2, "processor": "x86-64", "runtime": "go1.26", "system": "Linux", "load_before": 0.1,
            "versions": [],
        },
        "results": [],
    }  # fmt: skip
    monkeypatch.setattr(sheets, "_runs", lambda language: [run] if language == "go" else [])
    client = caller("developer")

    assert client.get(f"{URL}/benchmarks/golang").json()["measured_at"] == "2026-11-29T10:00:00Z"
    assert client.get(f"{URL}/benchmarks/go?version=1.0.0").json()["version"] == "1.0.0"
    missing = client.get(f"{URL}/benchmarks/go?version=9.9.9")
    assert (missing.status_code, missing.json()["code"]) == (404, "version_not_measured")
    assert client.get(f"{URL}/benchmarks/java").json() == {
        "language": "java", "version": None, "measured_at": None, "environment": None, "results": [],
    }  # fmt: skip


def test_the_page_is_for_those_who_see_the_whole(telling: Acme, client: Client, settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    address = "/admin/sdks/usage/?organization=acme&range=custom&from=2026-03-10&to=2026-03-11"
    client.force_login(telling.people["carol"], backend="django.contrib.auth.backends.ModelBackend")

    page = html.unescape(client.get(address).content.decode())

    for words in ("Python 1.0.0", "Go 0.9.0", "openai-python/2.8.0", "40.0 %", "go-1.22", "of 52 by any library"):
        assert words in page.replace("\u202f", " "), words
    assert "Packages fetched" not in page
    client.force_login(telling.people["bob"], backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 403
