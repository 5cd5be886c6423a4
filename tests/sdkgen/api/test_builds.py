"""Packages over HTTP: asked for, made, downloaded, refused; findings about configurations."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.exports.models import StoredFile
from gateway.choices import JobStatus
from gateway.models import AuditEvent, Job
from gateway.services.errors import Conflict
from sdkgen import builds
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.files import MANIFEST
from sdkgen.models import Release
from sdkgen.services import representation_of, store_release
from tests.factories import Acme
from tests.gateway.api.conftest import Caller

URL = "/api/v1/sdk"
WANTED = {"language": "Py", "config": {"module": "acme_llm", "version": "1.2.0", "operations": ["chat.*"]}}


@pytest.fixture(autouse=True)
def _representation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the process would make for itself, which takes seconds."""
    monkeypatch.setattr(builds, "representation", lambda: api)


def ask(caller: Caller, role: str = "developer", **changes: Any) -> Any:
    return caller(role).post(f"{URL}/generate", {**WANTED, **changes})


@pytest.mark.slow
def test_from_the_wish_to_the_archive(caller: Caller) -> None:
    asked = ask(caller)
    queued = asked.json()
    assert (asked.status_code, queued["status"], queued["download_url"]) == (202, "queued", None)
    assert queued["package"] == {
        "name": "llm-gateway-sdk", "version": "1.2.0", "licence": "Apache-2.0", "dependencies": [],
    }  # fmt: skip
    early = caller("developer").get(f"{asked['Location']}/download")
    assert (early.status_code, early.json()["code"]) == (409, "build_not_ready")

    assert builds.run_waiting() == 1

    done = caller("developer").get(asked["Location"]).json()
    assert (done["status"], done["progress"], done["language"]) == ("succeeded", 1.0, "python")
    assert done["install"] == "pip install ./llm-gateway-sdk-1.2.0.zip"
    assert done["quick_start"].startswith("from acme_llm import Gateway\n")
    assert 'messages=[{"role": "user"' in done["quick_start"]
    file = caller("developer").get(done["download_url"])
    content = b"".join(file.streaming_content)
    assert (file["Content-Type"], len(content)) == ("application/zip", done["size_bytes"])
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert json.loads(archive.read(MANIFEST))["version"] == "1.2.0"
    assert (len(names), names) == (done["files"], sorted(names))
    assert {"acme_llm/resources/chat.py", "pyproject.toml", "README.md"} < set(names)
    verbs = AuditEvent.objects.filter(verb__startswith="sdk.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["sdk.build", "sdk.download"]


def test_equal_wishes_give_equal_bytes(caller: Caller) -> None:
    first, second = ask(caller).json()["id"], ask(caller, "owner").json()["id"]
    builds.run_waiting()

    hashes = {Job.objects.get(pk=one).result["sha256"] for one in (first, second)}  # type: ignore[index]
    assert len(hashes) == 1


def test_builds_of_others_do_not_exist(caller: Caller) -> None:
    where = ask(caller, "owner")["Location"]

    statuses = {role: caller(role).get(where).status_code for role in ("developer", "admin", "owner", "mallory")}
    assert statuses == {"developer": 404, "admin": 200, "owner": 200, "mallory": 404}


def test_an_archive_expires(caller: Caller) -> None:
    where = ask(caller)["Location"]
    builds.run_waiting()
    StoredFile.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    gone = caller("developer").get(f"{where}/download")
    assert (gone.status_code, gone.json()["code"]) == (410, "build_expired")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"language": "cobol"}, "unknown_language", "language"),
        ({"config": {"module": "class"}}, "invalid_configuration", "config.module"),
        ({"config": {"base_url": "ftp://x"}}, "invalid_configuration", "config.base_url"),
        ({"config": {"headers": {"Authorization": "x"}}}, "invalid_configuration", "config.headers"),
        ({"config": {"nothing": 1}}, "invalid", "config.nothing"),
    ],
)
def test_refusals(caller: Caller, changes: dict[str, Any], code: str, field: str) -> None:
    refused = ask(caller, **changes)

    assert refused.status_code == 400
    assert refused.json()["code"] == code
    assert refused.json()["errors"][0]["field"] == field


def test_a_selection_of_nothing_fails_the_build(caller: Caller) -> None:
    where = ask(caller, config={"operations": ["nothing.*"]})["Location"]
    builds.run_waiting()

    said = caller("developer").get(where).json()
    assert (said["status"], said["error"]) == ("failed", "operations: no operation fits nothing.*")


def test_a_build_that_was_killed_is_made_anew_and_given_up_at_last(caller: Caller) -> None:
    job = Job.objects.get(pk=ask(caller).json()["id"])
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, fence=1, claimed_until=timezone.now() - timedelta(seconds=1)
    )
    builds.run_waiting()
    assert Job.objects.get(pk=job.pk).status == JobStatus.SUCCEEDED
    assert StoredFile.objects.filter(job=job).count() == 1

    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.RUNNING, fence=builds.MAX_TRIES, claimed_until=timezone.now() - timedelta(seconds=1)
    )
    builds.run_waiting()
    assert "Given up after 3 tries" in Job.objects.get(pk=job.pk).error


def test_builds_that_wait_are_bounded(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "MAX_OPEN", 2)
    assert [ask(caller).status_code for _ in range(3)] == [202, 202, 409]
    assert ask(caller, "owner").status_code == 202


def test_languages(caller: Caller, company: Acme, api: Api) -> None:
    store_release(version="1.0.0", document={"openapi": "3.1.0"}, api=api)
    store_release(version="1.1.0", document={"openapi": "3.1.0"}, api=api)

    (python,) = [one for one in caller("analyst").get(f"{URL}/languages").json() if one["id"] == "python"]
    assert (python["versions"], python["latest"]) == (["1.1.0", "1.0.0"], "1.1.0")
    assert (python["minimum_runtime"], python["aliases"]) == ("Python 3.11", ["py", "python3"])


@pytest.mark.slow
@pytest.mark.django_db
def test_a_release_is_stored_once(api: Api) -> None:
    first = store_release(version="1.0.0", document={"openapi": "3.1.0"}, api=api)

    assert store_release(version="1.0.0", document={"openapi": "3.1.0"}, api=api) == first
    with pytest.raises(Conflict, match=r"Version 1\.0\.0 is released"):
        store_release(version="1.0.0", document={"openapi": "3.1.1"}, api=api)
    assert representation_of(Release.objects.get()) == api


def check(caller: Caller, **config: Any) -> Any:
    answer = caller("developer").post(f"{URL}/validate", {"language": "python", "config": config})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_configuration_without_fault(caller: Caller) -> None:
    said = check(caller, base_url="https://gateway.example", operations=["chat.*"])

    assert said.pop("size")["operations"] == 1
    assert said == {"valid": True, "errors": [], "warnings": [], "suggestions": [], "preview": None}


def test_all_errors_at_once(caller: Caller) -> None:
    said = check(caller, nothing=1, version="one", max_retries=99, headers={"X-Key": "gw-0123456789abcdef"})

    assert not said["valid"]
    assert {(one["field"], one["code"]) for one in said["errors"]} == {
        ("nothing", "unknown_field"), ("version", "invalid"), ("max_retries", "invalid"),
        ("headers", "secret_in_configuration"),
    }  # fmt: skip


def test_errors_of_names_and_operations(caller: Caller) -> None:
    said = check(caller, module="class", operations=["chat.*", "gone.*"])

    assert {(one["field"], one["code"]) for one in said["errors"]} == {
        ("module", "invalid_name"), ("operations", "unknown_operation"),
    }  # fmt: skip


def test_warnings_and_suggestions(caller: Caller) -> None:
    said = check(caller, base_url="http://gateway.example/", total_timeout_s=1, max_retries=3)

    assert said["valid"]
    assert [one["code"] for one in said["warnings"]] == ["no_tls", "shorter_than_retries", *["never_reached"] * 3]
    assert [one["code"] for one in said["suggestions"]] == [
        "unused_type", "reserved_word", "everything", "trailing_slash",
    ]  # fmt: skip


def test_queries(caller: Caller, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = caller("developer")
    where = client.post(f"{URL}/generate", WANTED)["Location"]
    with django_assert_num_queries(4):
        client.get(where)
    with django_assert_num_queries(4):
        client.get(f"{URL}/languages")
