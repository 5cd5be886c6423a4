import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway import places
from gateway.ledger import spool
from gateway.ledger.ids import uuid7
from gateway.ledger.reader import FIRST_READ_BYTES, SpoolReader
from gateway.ledger.spool import Spool
from gateway.ledger.writer import Writer
from tests.gateway.ledger.lines import line
from tests.loglines import logged

Ledger = psycopg.Connection[Any]


def priced(found: Any, begun: Any) -> dict[str, Any]:
    cost = Decimal(found["output_tokens"]) / 1000
    return {"cost": str(cost), "list_cost": str(cost), "charges": [], "currency": "USD", "price_status": "priced"}


@pytest.fixture
def writer(tmp_path: Path, conninfo: str) -> Writer:
    return Writer(tmp_path, conninfo, priced)


def begin(journal: Spool, **changes: Any) -> dict[str, Any]:
    attempt = line(**changes)
    begun = {name: value for name, value in attempt.items() if name not in ("charges", "cost", "list_cost")}
    begun |= {"estimate": {"input_tokens": 7, "output_tokens": 250}, "pricing": {"price_list": "openai", "model": "m"}}
    journal.begin(attempt["id"], json.dumps(begun).encode())
    return attempt


def settle(journal: Spool, attempt: dict[str, Any]) -> None:
    journal.settle(attempt["id"], json.dumps(attempt).encode())


def ledger_rows(ledger: Ledger) -> list[tuple[Any, ...]]:
    return ledger.execute(
        "SELECT id::text, status, usage_source, output_tokens, cost FROM gateway_ledgerline ORDER BY id"
    ).fetchall()


def test_settled_attempts_are_booked_and_open_ones_wait_for_their_owner(
    tmp_path: Path, writer: Writer, ledger: Ledger
) -> None:
    journal = Spool(tmp_path, "s")
    done, running = begin(journal), begin(journal)
    settle(journal, done)

    writer.run_once()

    assert ledger_rows(ledger) == [(done["id"], "ok", "reported", 20, Decimal("0.00045"))]
    settle(journal, running)
    writer.run_once()
    assert [row[0] for row in ledger_rows(ledger)] == sorted([done["id"], running["id"]])
    journal.close()


def test_a_dead_owners_open_attempts_become_interrupted_once(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    attempt = begin(journal)
    writer.run_once()
    journal.close()  # releases the lock as a kill would

    writer.run_once()
    writer.run_once()

    assert ledger_rows(ledger) == [(attempt["id"], "interrupted", "estimated", 250, Decimal("0.25"))]
    assert not (tmp_path / "s").exists()
    closed = ledger.execute("SELECT lines, closed_at IS NOT NULL FROM gateway_spoolcursor").fetchall()
    assert closed == [(1, True)]


def test_a_writer_that_died_between_commit_and_clean_up_changes_nothing(
    tmp_path: Path, conninfo: str, ledger: Ledger
) -> None:
    journal = Spool(tmp_path, "s")
    attempt = begin(journal)
    settle(journal, attempt)
    first = Writer(tmp_path, conninfo, priced)
    first.run_once()
    first._disconnect()

    second = Writer(tmp_path, conninfo, priced)  # a new process: reads the committed position
    second.run_once()

    assert len(ledger_rows(ledger)) == 1
    assert ledger.execute("SELECT lines FROM gateway_spoolcursor").fetchall() == [(1,)]
    journal.close()


def test_two_writers_over_one_spool_book_each_line_once(tmp_path: Path, conninfo: str, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    writers = [Writer(tmp_path, conninfo, priced, batch_lines=3) for _ in range(2)]
    for _ in range(10):
        for writer in writers:
            settle(journal, begin(journal))
            writer.run_once()

    for writer in writers:
        writer.run_once()

    assert ledger.execute("SELECT count(*), count(DISTINCT id) FROM gateway_ledgerline").fetchall() == [(20, 20)]
    assert ledger.execute("SELECT lines FROM gateway_spoolcursor").fetchall() == [(20,)]
    journal.close()


def test_attempts_survive_segment_changes_and_restarts(tmp_path: Path, conninfo: str, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=12 * spool.MAX_FRAME_BYTES)
    long_running = begin(journal)
    for _ in range(200):
        journal._prepare_next()
        settle(journal, begin(journal))
        if len(spool.segments_of(tmp_path / "s")) > 3:
            Writer(tmp_path, conninfo, priced).run_once()
    Writer(tmp_path, conninfo, priced).run_once()
    assert ledger.execute("SELECT count(*) FROM gateway_ledgerline").fetchall() == [(200,)]
    journal.close()

    Writer(tmp_path, conninfo, priced).run_once()

    assert ledger.execute("SELECT id::text FROM gateway_ledgerline WHERE status = 'interrupted'").fetchall() == [
        (long_running["id"],)
    ]
    assert ledger.execute("SELECT count(*) FROM gateway_ledgerline").fetchall() == [(201,)]


def test_a_poisonous_frame_is_quarantined_with_its_place(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    poison = begin(journal)
    settle(journal, {**poison, "end_user": "a\0b"})
    good = begin(journal)
    settle(journal, good)

    writer.run_once()

    assert [row[0] for row in ledger_rows(ledger)] == [good["id"]]
    source, position = ledger.execute("SELECT source, position FROM gateway_quarantinedline").fetchall()[0]
    assert source == "spool:s"
    assert position.startswith("1:")
    journal.close()


def journalled(journal: Spool, count: int) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """Refusals, each in one frame; and the place of each frame."""
    lines, places = [line(kind="denied") for _ in range(count)], []
    for each in lines:
        start = journal._offset
        journal.line(each["id"], json.dumps(each).encode())
        places.append((start, journal._offset))
    return lines, places


def overwrite(journal: Spool, offset: int, data: bytes) -> None:
    with spool.segment_path(journal.folder, 1).open("r+b") as segment:
        segment.seek(offset)
        segment.write(data)


@pytest.mark.parametrize("owner_lives", [True, False])
@pytest.mark.parametrize(
    ("place", "data"),
    [(60, b"\xff"), (0, b"\xff\xff\xff\x7f"), (0, b"\x00\x30"), (8, b"\x07")],
    ids=["payload", "huge length", "longer length", "version"],
)
def test_what_stands_behind_a_damaged_frame_is_booked(
    tmp_path: Path, writer: Writer, ledger: Ledger, owner_lives: bool, place: int, data: bytes
) -> None:
    journal = Spool(tmp_path, "s")
    lines, places = journalled(journal, 5)
    start, end = places[2]
    overwrite(journal, start + place, data)
    stored = spool.segment_path(journal.folder, 1).read_bytes()[start:end]
    if not owner_lives:
        journal.close()

    writer.run_once()

    kept = [each["id"] for number, each in enumerate(lines) if number != 2]
    assert [row[0] for row in ledger_rows(ledger)] == sorted(kept)
    assert ledger.execute("SELECT source, position, payload FROM gateway_quarantinedline").fetchall() == [
        ("spool:s", f"1:{start}", stored)
    ]
    assert (tmp_path / "s").exists() == owner_lives
    if owner_lives:
        journal.close()


def test_a_busy_spool_keeps_no_other_waiting(
    tmp_path: Path, writer: Writer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, quiet = Spool(tmp_path, "a"), Spool(tmp_path, "b")
    journalled(busy, 1)
    lines, _ = journalled(quiet, 1)
    commit = Writer._commit

    def commit_while_calls_come(self: Writer, connection: Any, reader: Any, batch: Any) -> Any:
        if reader.folder.name == "a":
            journalled(busy, 1)
        return commit(self, connection, reader, batch)

    monkeypatch.setattr(Writer, "_commit", commit_while_calls_come)

    assert writer.run_once() == 2
    assert lines[0]["id"] in [row[0] for row in ledger_rows(ledger)]
    assert len(ledger_rows(ledger)) == 2
    monkeypatch.undo()
    assert writer.run_once() == 1
    assert len(ledger_rows(ledger)) == 3
    busy.close()
    quiet.close()


def test_a_frame_that_was_seen_half_written_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Spool(tmp_path, "s")
    lines, places = journalled(journal, 5)
    start, end = places[2]
    whole = SpoolReader._data
    looks: list[int] = []

    def torn(reader: SpoolReader, segment: int, at: int, size: int) -> bytes:
        """Its tail is not there yet in the first two looks, while the frames behind it are."""
        data = whole(reader, segment, at, size)
        if at <= start and len(looks) < 2:
            looks.append(at)
            data = data[: end - at - 40] + bytes(40) + data[end - at :]
        return data

    reader = SpoolReader(journal.folder, 0, 0)
    monkeypatch.setattr(SpoolReader, "_data", torn)
    booked, step = [], None
    while (step := reader.read(1_000, after=step)) is not None:
        booked += [json.loads(body)["id"] for body in step.bodies]
        assert step.damaged == []

    assert looks == [0, start]
    assert booked == [each["id"] for each in lines]
    journal.close()


def test_zeros_in_front_of_frames_are_damage_once_nothing_is_appended(
    tmp_path: Path, writer: Writer, ledger: Ledger
) -> None:
    journal = Spool(tmp_path, "s")
    lines, places = journalled(journal, 4)
    start, end = places[1]
    overwrite(journal, start, bytes(end - start))

    writer.run_once()
    assert [row[0] for row in ledger_rows(ledger)] == [lines[0]["id"]]  # its owner may still be writing there
    journal.close()
    writer.run_once()

    assert [row[0] for row in ledger_rows(ledger)] == sorted(each["id"] for each in (lines[0], *lines[2:]))
    assert ledger.execute("SELECT position FROM gateway_quarantinedline").fetchall() == [(f"1:{start}",)]


def test_damage_does_not_hide_the_rest_of_a_segment_that_is_left(
    tmp_path: Path, writer: Writer, ledger: Ledger
) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=12 * spool.MAX_FRAME_BYTES)
    lines, places = journalled(journal, 4)
    overwrite(journal, places[1][0], bytes(places[1][1] - places[1][0]))
    while journal._number == 1:
        journal._prepare_next()
        lines.append(line(kind="denied"))
        journal.line(lines[-1]["id"], json.dumps(lines[-1]).encode())

    writer.run_once()

    assert [row[0] for row in ledger_rows(ledger)] == sorted(each["id"] for each in (lines[0], *lines[2:]))
    journal.close()


def test_a_spool_of_a_newer_release_waits_for_its_writer(
    tmp_path: Path, writer: Writer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Spool(tmp_path, "s")
    lines, _ = journalled(journal, 1)
    monkeypatch.setattr(spool, "VERSION", spool.VERSION + 1)
    newer, _ = journalled(journal, 1)
    journal.close()
    monkeypatch.undo()

    writer.run_once()

    assert [row[0] for row in ledger_rows(ledger)] == [lines[0]["id"]]
    monkeypatch.setattr(spool, "VERSION", spool.VERSION + 1)
    writer.run_once()
    assert [row[0] for row in ledger_rows(ledger)] == sorted([lines[0]["id"], newer[0]["id"]])
    assert not (tmp_path / "s").exists()


def test_many_batches_are_read_ahead_and_booked_in_order(tmp_path: Path, conninfo: str, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s", segment_bytes=60 * spool.MAX_FRAME_BYTES)
    attempts = []
    for _ in range(900):
        journal._prepare_next()
        attempts.append(begin(journal))
        settle(journal, attempts[-1])
    left_open = begin(journal)
    writer = Writer(tmp_path, conninfo, priced, batch_lines=64)

    steps = writer.run_once()

    assert len(spool.segments_of(tmp_path / "s")) == 2  # the current one and the next; the others are booked and gone
    assert steps > 900 / 64
    assert [row[0] for row in ledger_rows(ledger)] == sorted(attempt["id"] for attempt in attempts)
    assert ledger.execute("SELECT lines FROM gateway_spoolcursor").fetchall() == [(900,)]
    assert ledger.execute("SELECT spent, requests FROM gateway_keyspend").fetchall() == [(Decimal("0.405"), 900)]
    journal.close()
    Writer(tmp_path, conninfo, priced).run_once()
    assert [row[0] for row in ledger_rows(ledger) if row[1] == "interrupted"] == [left_open["id"]]


class CutOff(Writer):
    """Loses its connection before the third batch; the fourth is read ahead by then."""

    def _commit(self, connection: Ledger, reader: SpoolReader, batch: Any) -> Any:
        booked = connection.execute("SELECT lines FROM gateway_spoolcursor").fetchone()
        if booked == (20,):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return super()._commit(connection, reader, batch)


def test_a_database_that_goes_away_between_batches_costs_no_line(tmp_path: Path, conninfo: str, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    for _ in range(40):
        settle(journal, begin(journal))
    writer = CutOff(tmp_path, conninfo, priced, batch_lines=10)
    with pytest.raises(psycopg.OperationalError):
        writer.run_once()
    assert ledger.execute("SELECT lines FROM gateway_spoolcursor").fetchall() == [(20,)]

    Writer(tmp_path, conninfo, priced).run_once()

    assert ledger.execute("SELECT count(*), count(DISTINCT id) FROM gateway_ledgerline").fetchall() == [(40, 40)]
    assert ledger.execute("SELECT lines FROM gateway_spoolcursor").fetchall() == [(40,)]
    journal.close()


def test_frames_that_are_no_lines_stop_nothing(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    broken, unbegun = str(uuid7()), str(uuid7())
    journal.line(broken, b"{broken")
    good = begin(journal)
    settle(journal, good)
    lost = begin(journal)
    journal.begin(unbegun, b"{broken")
    journal.close()

    writer.run_once()

    assert {row[:2] for row in ledger_rows(ledger)} == {(good["id"], "ok"), (lost["id"], "interrupted")}
    kept = ledger.execute("SELECT position, payload FROM gateway_quarantinedline ORDER BY position").fetchall()
    assert [(position, bytes(payload)) for position, payload in kept] == [
        ("1:0", b"{broken"), (f"interrupted:{unbegun}", b"{broken")
    ]  # fmt: skip
    assert not (tmp_path / "s").exists()


def test_log_lines_name_the_requests_whose_lines_are_set_aside_or_interrupted(
    tmp_path: Path, writer: Writer, ledger: Ledger
) -> None:
    journal = Spool(tmp_path, "s")
    for number in range(22):  # `\0` is refused by the database, `{` by the decoder
        bad = line(kind="denied", request_id=f"req_{number}", end_user="a\0b" if number % 2 else "a")
        journal.line(bad["id"], json.dumps(bad).encode()[: None if number % 2 else -1])
    journal.line(str(uuid7()), b"names nobody")
    with logged("gateway.ledger.writer") as lines:
        writer.run_once()

    (found,) = [each for each in lines if "quarantined" in each["event"]]
    assert found["event"] == "quarantined 23 lines of spool s"
    assert (len(found["request_ids"]), found["spool"]) == (20, "s")
    assert set(found["request_ids"]) < {f"req_{number}" for number in range(22)}

    for _ in range(2):  # two attempts of one request
        begin(journal, request_id="req_open")
    begin(journal, request_id="req_other")
    journal.close()
    with logged("gateway.ledger.writer") as lines:
        writer.run_once()

    assert [(each["event"], each["request_ids"]) for each in lines] == [
        ("adopted spool s: 3 interrupted attempts", ["req_open", "req_other"])
    ]


def test_a_log_line_about_no_request_names_none(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    Spool(tmp_path, "s").close()

    with logged("gateway.ledger.writer") as lines:
        writer.run_once()

    assert lines == [{"event": "adopted spool s: 0 interrupted attempts"}]


def test_a_damaged_frame_is_logged_with_its_request(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    _, places = journalled(journal, 3)
    overwrite(journal, places[1][1] - 1, b"\xff")

    with logged("gateway.ledger.writer") as lines:
        writer.run_once()

    (found,) = lines
    assert (found["event"], found["request_ids"]) == ("quarantined 1 lines of spool s", ["req_1"])
    journal.close()


def test_a_frame_larger_than_the_first_read_is_read(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    large = line(end_user="x" * (3 * FIRST_READ_BYTES))
    journal.line(large["id"], json.dumps(large).encode())
    small = line()
    journal.line(small["id"], json.dumps(small).encode())

    writer.run_once()

    assert [row[0] for row in ledger_rows(ledger)] == sorted([large["id"], small["id"]])
    journal.close()


def test_a_line_of_any_month_finds_its_partition(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    old = line(at=1_600_000_000_000)
    journal.line(old["id"], json.dumps(old).encode())

    writer.run_once()

    assert ledger.execute("SELECT tableoid::regclass::text FROM gateway_ledgerline").fetchall() == [
        ("gateway_ledgerline_2020_09",)
    ]
    journal.close()


def test_a_truth_after_adoption_is_an_adjustment(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    attempt = begin(journal)
    journal.close()
    writer.run_once()
    late = Spool(tmp_path, "late")
    truth = {**attempt, "cost": "0.1"}
    late.line(str(uuid7()), json.dumps(truth).encode())

    writer.run_once()

    found = ledger.execute("SELECT kind, cost FROM gateway_ledgerline ORDER BY kind").fetchall()
    assert found == [("adjustment", Decimal("-0.15")), ("attempt", Decimal("0.25"))]
    late.close()


def give_up(ledger: Ledger, name: str) -> None:
    ledger.execute("UPDATE gateway_spoolcursor SET closed_at = now() WHERE spool_id = %s", [name])


def test_a_spool_that_was_given_up_and_is_there_again_is_booked(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    journal = Spool(tmp_path, "s")
    writer.run_once()
    writer._readers.clear()  # as after a connection that was lost
    give_up(ledger, "s")
    settle(journal, begin(journal))
    writer.run_once()

    assert ledger.execute("SELECT count(*) FROM gateway_ledgerline").fetchone() == (1,)
    give_up(ledger, "s")
    writer._readers.clear()
    writer.run_once()
    assert (tmp_path / "s").is_dir()  # everything is booked, but its data plane lives

    journal.close()
    writer.run_once()
    assert not (tmp_path / "s").exists()
    assert ledger.execute("SELECT closed_at IS NULL FROM gateway_spoolcursor").fetchone() == (False,)


def test_a_folder_that_outlived_its_closing_goes(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    Spool(tmp_path, "s").close()
    writer.run_once()
    assert not (tmp_path / "s").exists()
    Spool(tmp_path, "s").close()
    writer.run_once()

    assert not (tmp_path / "s").exists()


def test_the_heartbeat_says_how_far_behind_the_writer_is(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    writer.place = places.take("writer", tmp_path / "data")
    writer.run_once()
    writer._caught_up_at -= 40
    writer._beat = 0.0

    writer._heartbeat(ledger)

    rows = ledger.execute("SELECT name, (info->>'lag_s')::float FROM gateway_heartbeat").fetchall()
    assert [name for name, _ in rows] == [writer.place.name]
    assert 40 <= rows[0][1] < 50


def test_a_stopped_writer_takes_its_heartbeat_along(tmp_path: Path, writer: Writer, ledger: Ledger) -> None:
    writer.place = places.take("writer", tmp_path / "data")
    passes: list[int] = []

    def stopping() -> bool:
        passes.append(ledger.execute("SELECT count(*) FROM gateway_heartbeat").fetchone()[0])  # type: ignore[index]
        return len(passes) > 1

    writer.run(stopping)

    assert passes == [0, 1]
    assert ledger.execute("SELECT count(*) FROM gateway_heartbeat").fetchone() == (0,)
