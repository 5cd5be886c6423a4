"""Training files in the console: upload, report, mended version, what changed, files of traffic."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries

from finetuning.models import TuningFile
from gateway.models import BodyPolicy
from tests.console.company import Company
from tests.console.conftest import SignIn
from tests.console.test_tuning_jobs import text_of
from tests.console.tuning import chats, file_of, told

PAGE = "/admin/fine-tuning/files/"
LIST_QUERIES, FILE_QUERIES = 6, 7
REPEATED = [*chats(20), chats(1)[0]]


def upload(company: Company, content: bytes, **fields: Any) -> dict[str, Any]:
    return {
        "file": SimpleUploadedFile("mine.jsonl", content), "project": str(company.projects["triage"].pk), **fields,
    }  # fmt: skip


def test_nothing_yet(company: Company, sign_in: SignIn) -> None:
    assert "No file yet" in text_of(sign_in("carol"), PAGE)
    assert "Upload a file" not in text_of(sign_in("carol"), PAGE)  # an analyst reads
    assert "Upload a file" in text_of(sign_in("dave"), PAGE)


def test_an_upload_leads_to_the_file(company: Company, sign_in: SignIn) -> None:
    content = b"".join(json.dumps(row).encode() + b"\n" for row in chats(3))

    answer = sign_in("dave").post(PAGE, upload(company, content))

    made = TuningFile.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}{made.pk}/")
    assert (made.name, made.lines, made.created_by) == ("mine.jsonl", 3, company.people["dave"])
    assert "It was not checked yet." in text_of(sign_in("carol"), f"{PAGE}{made.pk}/")
    assert sign_in("carol").post(PAGE, upload(company, content)).status_code == 404


def test_nobody_uploads_into_a_project_that_is_not_seen(company: Company, sign_in: SignIn) -> None:
    fields = upload(company, b"{}\n", project=str(company.projects["search"].pk))  # of another team than dave's

    answer = sign_in("dave").post(PAGE, fields)

    assert "Select a valid choice." in answer.content.decode()
    assert TuningFile.objects.count() == 0


def test_the_check_finds_a_repeat_and_what_it_costs(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    file, client = file_of(company, rows=REPEATED), sign_in("dave")
    path = f"{PAGE}{file.pk}/"

    client.post(f"{path}do/", {"verb": "check"})

    text = text_of(client, path)
    assert "The same example again line 21: " in text
    assert "Warning 1 $0.0" in text
    assert "Leave it out." in text
    client.get(path)
    with django_assert_num_queries(FILE_QUERIES):
        client.get(path)


def test_what_vendors_refuse_stands_first_and_checks_have_words(company: Company, sign_in: SignIn) -> None:
    rows = [*REPEATED, {"messages": [{"role": "user", "content": "No answer"}]}]
    file, client = file_of(company, rows=rows), sign_in("dave")
    path = f"{PAGE}{file.pk}/"
    client.post(f"{path}do/", {"verb": "check"})
    file.refresh_from_db()
    file.report = {**(file.report or {}), "skipped": {"label_noise": "Too few to tell."}}
    file.save()

    text = text_of(client, path)

    assert text.index("No answer to learn from line 22") < text.index("The same example again line 21")
    assert text.index("Format ") < text.index("Answers ") < text.index("Duplicates ")
    assert "Not judged: label noise: Too few to tell." in text


def test_mending_makes_a_version_and_says_what_changed(company: Company, sign_in: SignIn) -> None:
    file, client = file_of(company, rows=REPEATED), sign_in("dave")

    answer = client.post(f"{PAGE}{file.pk}/do/", {"verb": "mend"}, follow=True)

    version = TuningFile.objects.get(version=2)
    assert (version.parent, version.lines) == (file, 20)
    assert told(answer) == ["train.jsonl v2 is made: 1 line mended or left out."]
    text = text_of(client, f"{PAGE}{version.pk}/diff/")
    assert "Added 0 Removed 1 Changed 0 Unchanged 20" in text
    assert "21 → — Removed" in text
    assert "Made by optimize-data" in text_of(client, f"{PAGE}{version.pk}/")


def test_nothing_to_mend(company: Company, sign_in: SignIn) -> None:
    file = file_of(company, rows=chats(12))

    answer = sign_in("dave").post(f"{PAGE}{file.pk}/do/", {"verb": "mend"}, follow=True)

    assert "Nothing can be mended without guessing" in answer.content.decode()
    assert TuningFile.objects.count() == 1


def test_a_version_without_another_has_no_diff(company: Company, sign_in: SignIn) -> None:
    file, other = file_of(company), file_of(company, "search", name="other.jsonl")
    client = sign_in("carol")

    assert client.get(f"{PAGE}{file.pk}/diff/").status_code == 404
    assert client.get(f"{PAGE}{file.pk}/diff/?against={other.pk}").status_code == 404
    assert client.get(f"{PAGE}{file.pk}/diff/?against={file.pk}").status_code == 200


def test_traffic_needs_consent_and_leave(company: Company, sign_in: SignIn) -> None:
    wish = {
        "project": str(company.projects["triage"].pk), "name": "traffic.jsonl", "first_on": "2026-11-01",
        "last_on": "2026-11-02",
    }  # fmt: skip
    client = sign_in("dave")

    assert "This field is required." in client.post(PAGE, wish).content.decode()
    refused = client.post(PAGE, {**wish, "consent": "on"}).content.decode()
    assert "an administrator sets `allows_training`" in refused
    early = client.post(PAGE, {**wish, "consent": "on", "last_on": "2026-10-01"}).content.decode()
    assert "The window must end after it begins." in early
    assert BodyPolicy.objects.count() == 0


@pytest.mark.parametrize(("name", "status"), [("carol", 404), ("mallory", 404), ("bob", 302), ("dave", 302)])
def test_who_may_delete(company: Company, sign_in: SignIn, name: str, status: int) -> None:
    file = file_of(company)

    assert sign_in(name).post(f"{PAGE}{file.pk}/do/", {"verb": "delete"}).status_code == status
    assert TuningFile.objects.live().count() == (0 if status == 302 else 1)


def test_the_list_costs_the_same_for_many(
    company: Company, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in("carol")
    for number in range(4):
        file_of(company, rows=chats(number + 1), name=f"{number}.jsonl")
    client.get(PAGE)

    with django_assert_num_queries(LIST_QUERIES):
        text = text_of(client, PAGE)

    assert re.search(r"3.jsonl v1 Ticket triage, .{1,20} not checked 4 — Chat Uploaded", text)
