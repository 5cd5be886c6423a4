"""SDKs → Custom client in the console: chosen, looked at, made, downloaded; who sees what."""

import html
import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from gateway.models import Job, VirtualKey
from sdkgen import builds
from sdkgen.ir.nodes import Api
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/admin/sdks/custom/"
FORM = {"language": "python", "operation": ["chat_completions_create", "v1_models_list"], "module": "acme_llm"}


@pytest.fixture(autouse=True)
def _representation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the process would make for itself, which takes seconds."""
    monkeypatch.setattr(builds, "representation", lambda: api)


@pytest.fixture(autouse=True)
def _plain_static(settings: Any) -> None:
    """Pages name static files without a manifest: nothing has to be collected first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.fixture
def company() -> factories.Acme:
    return factories.acme()


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return html.unescape(answer.content.decode())


def test_from_the_choice_to_the_archive(company: factories.Acme, api: Api,
                                        django_assert_num_queries: DjangoAssertNumQueries) -> None:  # fmt: skip
    client = signed_in(company.people["bob"])
    page = text_of(client.get(URL))
    assert "No custom client yet" in page
    assert page.count('name="operation"') == sum(len(one.methods) for one in api.resources)
    assert "Key bob key" in page
    assert "Key ads key" not in page  # of another team

    found = text_of(client.post(f"{URL}operations/", {**FORM, "q": "BUDGETS list"}))
    assert "operations fit the search." in found
    assert 'value="chat_completions_create" checked' in found  # kept, though the search does not find it
    shown = [part for part in found.split("<div")[1:] if "budgets_list" in part]
    assert shown
    assert not shown[0].startswith(" hidden")

    said = text_of(client.post(f"{URL}check/", FORM))
    assert "gateway.chat().completions().create" in said
    assert "client.Chat.Completions.CreateAsync" in said
    assert "2 of 3" in said  # operations of all
    wrong = text_of(client.post(f"{URL}check/", {**FORM, "headers": "X-Key: gw-0123456789abcdef", "module": "class"}))
    assert "This looks like a key" in wrong
    assert "Choose a name that Python takes." in wrong
    assert "client.Chat" not in wrong

    without = text_of(client.post(f"{URL}check/", {**FORM, "headers": "X-Team: search\nX-Region"}))
    assert "“X-Region” has no colon" in without.replace("<wbr>", "")

    refused = client.post(URL, {**FORM, "headers": "Authorization: x"})
    assert "holds a secret" in text_of(refused)
    assert 'value="v1_models_list" checked' in text_of(refused)
    assert not Job.objects.filter(kind=builds.KIND).exists()

    made = client.post(URL, {**FORM, "shape": str(company.keys["bob"].pk)})
    assert made.url == f"{URL}#clients"
    assert 'hx-trigger="every 2s"' in text_of(client.get(f"{URL}?part=builds"))
    (job,) = Job.objects.filter(kind=builds.KIND)
    assert client.get(f"{URL}{job.pk}/").url == URL  # not done
    builds.run_waiting()
    with django_assert_num_queries(17):
        client.get(URL)
    archive = client.get(f"{URL}{job.pk}/")
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.streaming_content))) as found_files:
        assert "acme_llm/resources/chat.py" in found_files.namelist()

    VirtualKey.objects.filter(pk=company.keys["bob"].pk).update(rpm_limit=5)
    rows = text_of(client.get(f"{URL}?part=builds"))
    assert "Limits or budgets have changed." in rows
    assert "Stale" in rows
    assert signed_in(company.people["mallory"]).get(f"{URL}{job.pk}/").status_code == 404
    assert "acme_llm" not in text_of(signed_in(company.people["mallory"]).get(URL))


def test_strangers_are_sent_to_the_login(company: factories.Acme) -> None:
    for path in (URL, f"{URL}check/"):
        assert Client().get(path).status_code == 302
