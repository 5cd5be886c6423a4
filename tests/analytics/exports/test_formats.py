"""Every format on the same rows: exact cells, no formulas, money to the last digit, caps."""

import csv
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.exports.formats import FORMATS
from analytics.exports.table import Column, Table, TooManyRows
from gateway.cells import safe_text

COLUMNS = (
    Column("time", "Time", "time"), Column("model", "Model"), Column("requests", "Requests", "integer"),
    Column("cost", "Cost", "money"), Column("error_rate", "Error rate", "ratio"), Column("final", "Final", "boolean"),
)  # fmt: skip
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROWS: list[list[Any]] = [
    [NOON, "gpt-4o", 12, Decimal("0.0000125000"), 0.25, True],
    [NOON, '=HYPERLINK("http://x")', 0, Decimal("-3.5"), None, False],
    [NOON, "+1 café", None, None, 0.0, None],
]


def table(rows: Sequence[Sequence[Any]] = ROWS) -> Table:
    return Table("Cost by model", COLUMNS, iter(rows), notes=["One price is not known."])


def write(name: str, tmp_path: Path, found: Table | None = None) -> Path:
    path = tmp_path / f"file.{FORMATS[name].extension}"
    assert FORMATS[name].write(found or table(), path, lambda rows: None) == len(ROWS)
    return path


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@sum", "'@sum"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
        ("  =1", "'  =1"), ("＝1", "'＝1"), ("a=1", "a=1"), ("", ""), ("gpt-4o", "gpt-4o"), ("'=1", "'=1"),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str, safe: str) -> None:
    assert safe_text(text) == safe


def test_csv(tmp_path: Path) -> None:
    rows = list(csv.reader(write("csv", tmp_path).open(encoding="utf-8-sig", newline="")))

    assert rows == [
        ["time", "model", "requests", "cost", "error_rate", "final"],
        ["2026-03-10T12:00:00Z", "gpt-4o", "12", "0.0000125000", "0.25", "true"],
        ["2026-03-10T12:00:00Z", '\'=HYPERLINK("http://x")', "0", "-3.5", "", "false"],
        ["2026-03-10T12:00:00Z", "'+1 café", "", "", "0.0", ""],
    ]


def test_json(tmp_path: Path) -> None:
    expected = [
        {"time": "2026-03-10T12:00:00Z", "model": "gpt-4o", "requests": 12, "cost": "0.0000125000",
         "error_rate": 0.25, "final": True},
        {"time": "2026-03-10T12:00:00Z", "model": '=HYPERLINK("http://x")', "requests": 0, "cost": "-3.5",
         "error_rate": None, "final": False},
        {"time": "2026-03-10T12:00:00Z", "model": "+1 café", "requests": None, "cost": None, "error_rate": 0.0,
         "final": None},
    ]  # fmt: skip

    assert json.loads(write("json", tmp_path).read_text()) == expected
    assert [json.loads(line) for line in write("ndjson", tmp_path).read_text().splitlines()] == expected


def test_json_without_rows_is_an_empty_array(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"

    assert FORMATS["json"].write(table([]), path, lambda rows: None) == 0
    assert json.loads(path.read_text()) == []


def test_xlsx_has_numbers_and_no_formulas(tmp_path: Path) -> None:
    with zipfile.ZipFile(write("xlsx", tmp_path)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
        about = book.read("xl/worksheets/sheet2.xml").decode()

    assert "<f>" not in sheet
    assert "<v>0.0000125</v>" in sheet or "<v>1.25E-05</v>" in sheet or "<v>1.25e-05</v>" in sheet
    assert "<v>-3.5</v>" in sheet
    assert "=HYPERLINK(&quot;http://x&quot;)" in sheet or '=HYPERLINK("http://x")' in sheet
    assert "&quot;$&quot;#,##0.0000######" in styles
    assert "One price is not known." in about


def test_parquet_keeps_types_and_digits(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    found = parquet.read_table(write("parquet", tmp_path))

    assert [str(field.type) for field in found.schema] == [
        "timestamp[us, tz=UTC]", "string", "int64", "decimal128(38, 10)", "double", "bool"
    ]  # fmt: skip
    assert found.column("cost").to_pylist() == [Decimal("0.0000125000"), Decimal("-3.5000000000"), None]
    assert found.column("time").to_pylist()[0] == NOON


def test_pdf_has_head_rows_and_page_numbers(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    rows = [[NOON, f"model {n}", n, Decimal(n), None, True] for n in range(120)]
    path = tmp_path / "file.pdf"

    assert FORMATS["pdf"].write(table(rows), path, lambda count: None) == 120
    pages = [page.extract_text() for page in pypdf.PdfReader(path).pages]

    assert len(pages) == 4
    assert "Cost by model" in pages[0]
    assert all("Requests" in page for page in pages)
    assert "Page 4 of 4" in pages[3]
    assert "model 119" in pages[3]
    assert "$119.00" in pages[3]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_more_rows_than_a_format_takes_are_refused_not_cut(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(FORMATS[name]), "max_rows", 2)

    with pytest.raises(TooManyRows, match="more than 2 rows"):
        FORMATS[name].write(table(), tmp_path / "file", lambda rows: None)
