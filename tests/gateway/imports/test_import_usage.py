"""The command end to end: totals, prices, identity, resumption, concurrency, bad input."""

import csv
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from gateway.imports import service
from gateway.imports.records import UnreadableFileError
from gateway.imports.service import Source, import_file
from gateway.models import AuditEvent, DirtyMark, ImportRun, LedgerLine, Organization, Project, Provider, RejectedRecord
from gateway.services.identity import ensure_default_project

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


@pytest.fixture
def project(organization: Organization) -> Project:
    return ensure_default_project(organization=organization, actor=None)


def trace(path: Path, *rows: str) -> Path:
    path.write_bytes((HEADER + "".join(f"{row}\r\n" for row in rows)).encode())
    return path


def many(count: int) -> list[str]:
    return [f"2026-03-01 10:00:{index % 60:02d}.{index:07d},{index},{index % 7}" for index in range(count)]


def run(*args: object, capsys: pytest.CaptureFixture[str], **options: object) -> dict:
    call_command("import_usage", *map(str, args), format="azure-trace", organization="acme", json=True, **options)
    return json.loads(capsys.readouterr().out)["files"][0]


def snapshot() -> set[tuple]:
    return set(LedgerLine.objects.values_list("id", "started_at", "input_tokens", "output_tokens", "cost"))


@pytest.mark.needs_shared
def test_the_trace_arrives_whole_and_once(organization, shared_dir, capsys):
    files = sorted((shared_dir / "data" / "azure_llm_2023").glob("*.csv"))
    rows = []
    for path in files:
        with path.open(newline="") as file:
            rows += [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
    hand = sum((Decimal(i) * Decimal("2.50") + Decimal(o) * Decimal("10.00") for i, o in rows), Decimal(0)) / 10**6

    for expected in (28_185, 0):
        call_command(
            "import_usage", *map(str, files), format="azure-trace", organization="acme",
            mapping=[("model", "gpt-4o")], json=True,
        )  # fmt: skip
        done = json.loads(capsys.readouterr().out)["files"]
        assert sum(file["imported"] for file in done) == expected
        assert sum(file["duplicates"] for file in done) == 28_185 - expected
        assert sum(file["rejected"] for file in done) == 0

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(input_tokens), sum(output_tokens), sum(cost), count(DISTINCT id), "
            "min(started_at), max(started_at), count(duration_ms) FROM gateway_ledgerline"
        )
        row = cursor.fetchone()
    assert row[:5] == (28_185, sum(i for i, _ in rows), sum(o for _, o in rows), hand, 28_185)
    assert row[5] == datetime(2023, 11, 16, 18, 15, 46, 680_000, UTC)
    assert row[7] == 0


def test_a_line_of_the_trace(organization, tmp_path, capsys):
    path = trace(tmp_path / "t.csv", "2023-11-16 18:15:46.6805900,374,44")

    done = run(path, capsys=capsys, mapping=[("model", "gpt-4o")])

    line = LedgerLine.objects.get()
    assert (line.kind, line.is_final, line.status, line.origin, line.usage_source) == (
        "attempt", True, "ok", "import", "imported",
    )  # fmt: skip
    assert (line.endpoint, line.provider, line.model_requested, line.model_served) == (
        "/v1/chat/completions", "openai", "gpt-4o", "gpt-4o",
    )  # fmt: skip
    assert line.started_at == datetime(2023, 11, 16, 18, 15, 46, 680_000, UTC)
    assert (line.duration_ms, line.ttft_ms, line.api_key) == (None, None, None)
    # 374 x 2.50 / 1e6 + 44 x 10.00 / 1e6
    assert line.cost == line.list_cost == Decimal("0.001375")
    assert [(c["meter"], int(c["quantity"]), Decimal(c["cost"])) for c in json_charges(line)] == [
        ("input", 374, Decimal("0.000935")),
        ("output", 44, Decimal("0.00044")),
    ]
    assert line.price_status == "priced"
    assert Decimal(done["cost"]) == line.cost
    assert line.project == Project.objects.get(slug="default").pk
    assert DirtyMark.objects.filter(organization=organization.pk, grain="quarter_hour").count() == 1
    assert AuditEvent.objects.filter(verb="usage_import.started").count() == 1


def json_charges(line: LedgerLine) -> list[dict]:
    return line.charges


def test_without_a_model_the_cost_is_unknown(organization, tmp_path, capsys):
    done = run(trace(tmp_path / "t.csv", "2026-03-01 10:00:00,10,20"), capsys=capsys)

    line = LedgerLine.objects.get()
    assert (line.price_status, line.cost, line.list_cost, line.charges) == ("unpriced", None, None, [])
    assert (line.model_requested, line.model_served, line.provider) == ("unknown", None, None)
    assert done["unpriced"] == 1


def test_another_mapping_prices_nothing_that_is_there_and_says_so(organization, tmp_path, capsys):
    path = trace(tmp_path / "t.csv", "2026-03-01 10:00:00,10,20", "2026-03-01 10:00:01,11,21")
    assert run(path, capsys=capsys)["unpriced_before"] == 0

    call_command("import_usage", str(path), format="azure-trace", organization="acme", mapping=[("model", "gpt-4o")])

    said = capsys.readouterr()
    assert "0 imported, 2 already there" in said.out
    assert "2 of the lines that are there already have no price." in said.err
    assert "another --mapping changes neither" in said.err
    assert [line.price_status for line in LedgerLine.objects.all()] == ["unpriced", "unpriced"]


def test_cells_may_be_in_quotes(organization, tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_bytes(
        b'"TIMESTAMP","ContextTokens","GeneratedTokens"\r\n'
        b'"2026-03-01 10:00:00","10","20"\r\n"2026-03-01 10:00:01","10\r\n'
    )

    done = run(path, capsys=capsys)

    line = LedgerLine.objects.get()
    assert (line.input_tokens, line.output_tokens) == (10, 20)
    assert [item["line"] for item in done["first_rejections"]] == [3]
    assert done["first_rejections"][0]["reason"].startswith("not CSV: ")


def test_the_provider_of_the_catalogue_names_its_price_list(organization, tmp_path, capsys):
    Provider.objects.create(
        organization=organization, slug="claude", name="Claude", kind="openai-compatible", price_list="anthropic",
        base_url="https://api.example.com/v1",
    )  # fmt: skip

    run(
        trace(tmp_path / "t.csv", "2026-03-01 10:00:00,1000,100"), capsys=capsys,
        mapping=[("model", "claude-haiku-4-5"), ("provider", "claude")],
    )  # fmt: skip

    line = LedgerLine.objects.get()
    assert line.provider == "claude"
    assert line.cost == Decimal("0.0015")  # 1,000 x 1.00 / 1e6 + 100 x 5.00 / 1e6


def test_twins_are_both_kept_and_the_name_of_the_file_does_not_matter(organization, tmp_path, capsys):
    rows = ["2026-03-01 10:00:00,10,20", "2026-03-01 10:00:00,10,20", "2026-03-01 10:00:01,10,20"]
    run(trace(tmp_path / "first.csv", *rows), capsys=capsys)
    before = snapshot()

    again = run(trace(tmp_path / "second.csv", *rows), capsys=capsys)
    other_mapping = run(tmp_path / "first.csv", capsys=capsys, mapping=[("model", "gpt-4o")])

    assert len(before) == 3
    assert (again["imported"], again["duplicates"]) == (0, 3)
    assert (other_mapping["imported"], other_mapping["duplicates"]) == (0, 3)
    assert snapshot() == before


def test_a_growing_file_with_a_name_adds_only_what_is_new(organization, tmp_path, capsys):
    run(trace(tmp_path / "log.csv", *many(5)), capsys=capsys, source="edge-log")

    done = run(trace(tmp_path / "log.csv", *many(8)), capsys=capsys, source="edge-log")

    assert (done["imported"], done["duplicates"]) == (3, 5)


def test_the_same_file_in_a_second_project_is_refused(organization, tmp_path, capsys):
    Project.objects.create(organization=organization, slug="second", name="Second")
    path = trace(tmp_path / "t.csv", *many(3))
    run(path, capsys=capsys)

    with pytest.raises(CommandError, match="already imported into project 'default'"):
        run(path, capsys=capsys, project="second")

    assert LedgerLine.objects.count() == 3


BAD_ROWS = [
    ("2026-03-01 10:00:00,10", "2 columns instead of 3"),
    ("2026-03-01 10:00:00,10,20,30", "4 columns instead of 3"),
    ("2026-03-01 10:00:00,ten,20", "ContextTokens: 'ten' is not a whole number"),
    ("2026-03-01 10:00:00,10,-20", "GeneratedTokens: '-20' is negative"),
    ("2026-03-01 10:00:00,1.5,20", "ContextTokens: '1.5' is not a whole number"),
    ("2026-03-01 10:00:00,٣,20", "ContextTokens: '٣' is not a whole number"),
    ("2026-03-01 10:00:00,99999999999,20", "ContextTokens: '99999999999' is above 1,000,000,000"),
    ("2026-13-01 10:00:00,10,20", "TIMESTAMP: '2026-13-01 10:00:00' is not a time"),
    ("1970-01-01 00:00:00,10,20", "TIMESTAMP: '1970-01-01 00:00:00' is outside 2015-01-01 … tomorrow"),
    ("9999-12-31 23:59:59,10,20", "TIMESTAMP: '9999-12-31 23:59:59' is outside 2015-01-01 … tomorrow"),
    ("2026-03-01 10:00:00,1\0,20", "contains a NUL byte"),
    (",,", "TIMESTAMP: '' is not a time"),
]


def test_bad_lines_are_kept_aside_with_their_numbers(organization, tmp_path, capsys):
    good = "2026-03-01 10:00:00,1,2"
    rows = [row for bad, _ in BAD_ROWS for row in (bad, good)]
    path = trace(tmp_path / "t.csv", *rows)
    path.write_bytes(path.read_bytes() + b"2026-03-01 \xff\xfe,1,2\r\n" + b"x" * 2_000_000 + b"\r\n" + good.encode())

    done = run(path, capsys=capsys)

    assert (done["imported"], done["rejected"]) == (len(BAD_ROWS) + 1, len(BAD_ROWS) + 2)
    last = 2 * len(BAD_ROWS) + 2
    kept = list(RejectedRecord.objects.order_by("line").values_list("line", "reason"))
    assert kept == [
        *((2 + 2 * index, reason) for index, (_, reason) in enumerate(BAD_ROWS)),
        (last, "not UTF-8 at byte 12"),
        (last + 1, "longer than 1 MiB"),
    ]
    assert RejectedRecord.objects.get(line=last).raw == "2026-03-01 \\xff\\xfe,1,2"
    assert RejectedRecord.objects.get(line=last - 4).raw == "2026-03-01 10:00:00,1\\x00,20"
    assert run(path, capsys=capsys)["rejected"] == len(BAD_ROWS) + 2
    assert RejectedRecord.objects.count() == len(BAD_ROWS) + 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line must be TIMESTAMP,ContextTokens,GeneratedTokens, found an empty file"),
        (b"a,b,c\n1,2,3\n", "the first line must be TIMESTAMP,ContextTokens,GeneratedTokens, found 'a,b,c'"),
        (b"\x00\x01\x02", "the first line must be"),
    ],
)
def test_a_file_that_is_no_trace_fails_as_a_whole(organization, tmp_path, capsys, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=message):
        run(path, capsys=capsys)

    assert LedgerLine.objects.count() == 0


def test_a_missing_file_and_an_unknown_organization_are_one_line_each(organization, tmp_path, capsys):
    with pytest.raises(CommandError, match=r"nowhere\.csv: No such file or directory$"):
        run(tmp_path / "nowhere.csv", capsys=capsys)
    with pytest.raises(CommandError, match="no organization 'acmee'; there are: acme"):
        call_command("import_usage", "x.csv", format="azure-trace", organization="acmee")
    with pytest.raises(CommandError, match="azure-trace knows no mapping modle"):
        run(trace(tmp_path / "t.csv", *many(1)), capsys=capsys, mapping=[("modle", "gpt-4o")])


def test_a_dry_run_writes_nothing(organization, tmp_path, capsys):
    done = run(trace(tmp_path / "t.csv", *many(10), "bad"), capsys=capsys, dry_run=True, mapping=[("model", "gpt-4o")])

    assert (done["imported"], done["rejected"]) == (10, 1)
    hand = sum(Decimal(index) * Decimal("2.5") + (index % 7) * 10 for index in range(10)) / 10**6
    assert Decimal(done["cost"]) == hand
    assert (LedgerLine.objects.count(), ImportRun.objects.count(), DirtyMark.objects.count()) == (0, 0, 0)


def test_a_broken_import_goes_on_where_it_was(project, tmp_path):
    path = trace(tmp_path / "t.csv", *many(100))

    class Killed(BaseException):
        pass

    def die_after_40(line: int) -> None:
        if line >= 41:
            raise Killed

    with pytest.raises(Killed):
        import_file(project=project, source=Source(path, "azure-trace", {}), batch_records=20, progress=die_after_40)
    halfway = ImportRun.objects.get()
    summary = import_file(project=project, source=Source(path, "azure-trace", {}), batch_records=20)

    assert (halfway.line, halfway.imported, halfway.status) == (41, 40, "running")
    assert (summary.imported, summary.duplicates) == (60, 40)
    finished = ImportRun.objects.get()
    assert (finished.line, finished.imported, finished.duplicates, finished.status) == (101, 100, 0, "succeeded")
    assert LedgerLine.objects.count() == 100


def test_a_batch_and_its_position_are_one_transaction(project, tmp_path, monkeypatch):
    path = trace(tmp_path / "t.csv", *many(40))

    def lines_then_death(*args, **kwargs):
        book(*args, **kwargs)
        raise UnreadableFileError("died before the position was written")

    book = service.book
    monkeypatch.setattr(service, "book", lines_then_death)
    with pytest.raises(UnreadableFileError):
        import_file(project=project, source=Source(path, "azure-trace", {}), batch_records=20)

    failed = ImportRun.objects.get()
    assert (LedgerLine.objects.count(), failed.line, failed.status) == (0, 0, "failed")


def test_two_imports_of_one_file_at_once_add_it_once(project, tmp_path):
    path = trace(tmp_path / "t.csv", *many(400), "bad")
    start = threading.Barrier(2)
    done, errors = [], []

    def work() -> None:
        try:
            start.wait()
            done.append(import_file(project=project, source=Source(path, "azure-trace", {}), batch_records=7))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sum(summary.imported for summary in done) == 400
    assert [summary.imported + summary.duplicates for summary in done] == [400, 400]
    assert [summary.rejected for summary in done] == [1, 1]
    assert LedgerLine.objects.count() == 400
    finished = ImportRun.objects.get()
    assert (finished.imported, finished.rejected, finished.status) == (400, 1, "succeeded")


def test_waiting_ends_when_the_marks_are_gone(organization, tmp_path, capsys):
    path = trace(tmp_path / "t.csv", *many(3))

    with pytest.raises(CommandError, match="is the background process running"):
        run(path, capsys=capsys, wait=True, wait_seconds=0.05)
    DirtyMark.objects.all().delete()
    capsys.readouterr()

    assert run(path, capsys=capsys, wait=True, wait_seconds=0.05)["duplicates"] == 3


def test_exit_status_and_text_of_the_real_command(organization, tmp_path):
    path = trace(tmp_path / "t.csv", "2026-03-01 10:00:00,1,2", "rubbish")
    database = connection.settings_dict["NAME"]
    code = (
        "import django, sys; django.setup(); from django.conf import settings; from django.db import connection; "
        f"connection.settings_dict['NAME'] = {database!r}; "
        "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    )
    command = [sys.executable, "-c", code, "import_usage", "--format", "azure-trace", "--organization", "acme"]

    fine = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    broken = subprocess.run([*command, tmp_path / "none.csv"], capture_output=True, text=True, check=False)

    assert (fine.returncode, broken.returncode) == (0, 1)
    assert "1 imported, 0 already there, 1 rejected" in fine.stdout
    assert "line 3: 1 columns instead of 3" in fine.stderr
    assert broken.stderr.strip().splitlines()[-1] == f"CommandError: {tmp_path / 'none.csv'}: No such file or directory"
