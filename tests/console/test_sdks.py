"""The SDKs' pages in the console: packages, documentation, who sees what."""

import html
import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from gateway.choices import JobStatus
from gateway.models import Job
from sdkgen import builds, reading
from sdkgen.ir.nodes import Api
from sdkgen.services import store_release
from sdkgen.versions import Change
from tests.console.conftest import SignIn
from tests.sdkgen.conftest import api, document  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _representation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the process would make for itself, which takes seconds."""
    made = request.getfixturevalue("api")
    monkeypatch.setattr(builds, "representation", lambda: made)
    reading.forget()


def text_of(client: Client, path: str) -> str:
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return html.unescape(answer.content.decode())


@pytest.mark.slow
def test_from_the_page_to_the_archive(sign_in: SignIn) -> None:
    client = sign_in("bob")

    page = text_of(client, "sdks/")
    for name in ("Python", "TypeScript", "Java", "Go", "C#"):
        assert f"Make the package for {name}" in page
    assert "pip install ./llm-gateway-sdk-1.0.0.zip" in page
    assert "No package yet" in page
    assert client.post("/admin/sdks/build/", {"language": "python"}).url == "/admin/sdks/"
    (job,) = Job.objects.filter(kind=builds.KIND)
    assert job.parameters["config"]["base_url"] == "http://testserver"
    assert 'hx-trigger="every 2s"' in text_of(client, "sdks/?part=builds")
    assert client.get(f"/admin/sdks/builds/{job.pk}/").url == "/admin/sdks/"  # not done
    builds.run_waiting()
    job.refresh_from_db()
    assert job.status == JobStatus.SUCCEEDED, job.error

    assert f"/admin/sdks/builds/{job.pk}/" in text_of(client, "sdks/")
    archive = client.get(f"/admin/sdks/builds/{job.pk}/")
    assert archive["Content-Type"] == "application/zip"
    assert b"".join(archive.streaming_content)[:2] == b"PK"  # type: ignore[attr-defined]

    assert f"{job.pk}" not in text_of(sign_in("carol"), "sdks/")
    assert sign_in("mallory").get("/admin/sdks/").status_code == 404  # of no organization
    for stranger in ("carol", "mallory"):
        assert sign_in(stranger).get(f"/admin/sdks/builds/{job.pk}/").status_code == 404
    assert f"{job.pk}" in text_of(sign_in("alice"), "sdks/")


def test_what_is_refused(sign_in: SignIn) -> None:
    client = sign_in("bob")

    assert client.post("/admin/sdks/build/", {"language": "cobol"}).status_code == 302
    assert not Job.objects.filter(kind=builds.KIND).exists()
    assert client.get("/admin/sdks/build/").status_code == 405
    for missing in (
        "docs/cobol/", "docs/python/reference/no.such/", "docs/python/tutorial/no-such-step/", "docs/cobol/tutorial/",
    ):  # fmt: skip
        assert client.get(f"/admin/sdks/{missing}").status_code == 404, missing
    assert Client().get("/admin/sdks/").status_code == 302


@pytest.mark.slow
def test_documentation(sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in("bob")
    text_of(client, "sdks/docs/go/")  # made once

    start = text_of(client, "sdks/docs/go/")
    assert "export GATEWAY_BASE_URL=http://testserver" in start
    assert "GATEWAY_API_KEY=gw-••••" in start
    assert "client.Chat.Completions.Create(ctx" in start
    for link in ("/api/docs/", "/api/redoc/", "/api/v1/sdk/documentation/go/llms.txt"):
        assert f'href="{link}"' in start
    assert "pip install" in text_of(client, "sdks/docs/")  # the entry of the navigation: the first language
    found = text_of(client, "sdks/docs/java/reference/?q=chat+completions")
    assert "gateway.chat().completions().create" in found.replace("<wbr>", "")
    assert "gateway.files()" not in found.replace("<wbr>", "")
    assert "No method has these words" in text_of(client, "sdks/docs/java/reference/?q=teapot")
    method = text_of(client, "sdks/docs/csharp/reference/chat.completions.create/")
    assert "Task<EventStream<ChatCompletionChunk, ChatCompletion>> CreateStreamAsync(" in method
    assert "RateLimitedException" in method
    with django_assert_max_num_queries(12):
        text_of(client, "sdks/docs/python/reference/")


def test_another_language_keeps_the_place(sign_in: SignIn) -> None:
    client = sign_in("bob")

    for path in ("tutorial/stream/", "reference/files.list/", "examples/?use_case=cost", "reference/?q=budget"):
        page = text_of(client, f"sdks/docs/python/{path}")
        others = [one for one in re.findall(r'href="(/admin/sdks/docs/[^"]+)"', page) if one.endswith(path)]
        assert [one.split("/")[4] for one in others][:5] == ["python", "typescript", "java", "go", "csharp"], path
    step = text_of(client, "sdks/docs/typescript/tutorial/stream/")
    assert "for await (const chunk of stream)" in step
    assert "Step 4 of 11" in step
    assert 'aria-current="step"' in step
    assert "Let the model call a tool" in step


@pytest.mark.slow
def test_types(sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = sign_in("bob")

    found = text_of(client, "sdks/docs/python/types/?q=chat+role").replace("<wbr>", "")
    assert 'href="/admin/sdks/docs/python/types/ChatUserMessage/"' in found
    assert "BudgetUsage" not in found
    assert "No type has these words" in text_of(client, "sdks/docs/java/types/?q=teapot")
    first, second = (text_of(client, f"sdks/docs/go/types/?page={page}") for page in (1, 2))
    assert (first.count('class="row-link"'), "1–100 of" in first, "101–200 of" in second) == (100, True, True)
    assert "101–200 of" not in text_of(client, "sdks/docs/go/types/?page=x")
    page = text_of(client, "sdks/docs/csharp/types/ChatCompletionRequest/").replace("<wbr>", "")
    assert "IReadOnlyList<IChatMessage>" in page
    assert 'href="/admin/sdks/docs/csharp/types/ChatMessage/"' in page
    assert 'href="/admin/sdks/docs/csharp/reference/chat.completions.create/"' in page
    assert 'href="/admin/sdks/docs/java/types/ChatCompletionRequest/"' in page  # another language keeps the place
    method = text_of(client, "sdks/docs/csharp/reference/chat.completions.create/")
    assert 'href="/admin/sdks/docs/csharp/types/ChatCompletionRequest/"' in method
    assert client.get("/admin/sdks/docs/csharp/types/Teapot/").status_code == 404
    with django_assert_max_num_queries(12):
        text_of(client, "sdks/docs/csharp/types/ChatMessage/")


@pytest.mark.slow
def test_changelog(sign_in: SignIn, api: Api) -> None:  # noqa: F811  (a fixture)
    client = sign_in("bob")
    assert "python manage.py release_sdk" in text_of(client, "sdks/docs/go/changelog/")
    told = [Change("method.added", f"models.m{n}", "#/y", f"models.m{n:02} is new.") for n in range(30)]
    first = store_release(version="1.0.0", document={"openapi": "3.1.0"}, api=api)
    store_release(version="2.0.0", document={"openapi": "3.1.1"}, api=api, previous=first, changes=told)

    page = text_of(client, "sdks/docs/go/changelog/").replace("<wbr>", "")

    assert page.index("2.0.0") < page.index("1.0.0")
    assert ("models.m19 is new." in page, "models.m20 is new." in page) == (True, False)
    assert "The first 20 of 30." in page
    assert 'href="/admin/sdks/versions/?language=go&to=2.0.0"' in page
    assert "there is nothing to compare it with" in page


def test_a_package_whose_name_is_refused_by_now_stays_in_the_list(sign_in: SignIn) -> None:
    client = sign_in("bob")
    client.post("/admin/sdks/build/", {"language": "python"})
    (job,) = Job.objects.filter(kind=builds.KIND)
    job.parameters["config"] |= {"module": "json", "base_url": "http://[", "gone_by_now": 1}
    job.save()

    assert "llm-gateway-sdk 1.0.0" in text_of(client, "sdks/").replace("<wbr>", "")
    builds.run_waiting()
    job.refresh_from_db()
    assert (job.status, "base_url: not an http(s) address" in job.error) == (JobStatus.FAILED, True)
