"""The schema and the statements go with the plan for a cluster; what does not is named, with its reason."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection as django_connection
from django.test import Client

from analytics.exports.service import Asked, request_export
from analytics.exports.service import run_waiting as run_exports
from analytics.metrics import MEASURES
from analytics.models import TotalDay
from analytics.query import Query, QueryError, run
from analytics.retention import retire
from analytics.rollups.marks import drain_marks
from analytics.rollups.rebuild import rebuild
from analytics.verify import compare_rollups
from costs.budgets.verify import verify_budgets
from costs.services import invoices
from finetuning.services.files import build_from_traffic
from finetuning.services.files.traffic import Chosen
from gateway.ledger import catalogue, distribution
from gateway.ledger.booking import book
from gateway.ledger.distribution import ForeignKey, Placement, Table, plan, violations
from gateway.ledger.partitions import ensure_partitions
from gateway.ledger.schema import TABLE as LEDGER
from gateway.ledger.traps import TRAPS, traps
from gateway.ledger.verify import verify
from gateway.services import erasure
from tests.costs.invoices import ledgers
from tests.factories import acme, book_lines, line
from tests.finetuning.services.traffic import logged

SPREAD = {LEDGER}
KEY = {"t_pkey": ("ledger_shard", "id")}


def test_the_plan_is_made_of_the_catalogue(ledger: psycopg.Connection[Any]) -> None:
    tables = catalogue.read(ledger)
    steps = plan(tables)

    by_place = {place: [step.table for step in steps if step.placement == place] for place in Placement}
    assert by_place[Placement.DISTRIBUTED] == [LEDGER]
    assert by_place[Placement.REFERENCE] == []
    assert {"gateway_organization", TotalDay._meta.db_table, "costs_budgetcounter"} <= set(by_place[Placement.LOCAL])
    assert distribution.settings(steps) == [
        "SET citus.shard_count = 64",
        "SET citus.enable_unsafe_triggers = on",
        f"SELECT create_distributed_table('{LEDGER}', 'ledger_shard', colocate_with => 'none')",
    ]


def test_the_migrated_catalogue_allows_the_plan(ledger: psycopg.Connection[Any]) -> None:
    tables = catalogue.read(ledger)

    found = violations(tables, plan(tables))

    assert [one for one in found if not one.is_handled] == []
    assert {one.table for one in found} == {LEDGER}
    table = next(table for table in tables if table.name == LEDGER)
    assert table.unique == {f"{LEDGER}_pkey": ("ledger_shard", "started_at", "id")}
    assert (table.foreign_keys, table.serial, table.partition_levels) == ((), {}, 1)
    assert table.triggers != ()


def test_a_column_more_is_found_in_the_catalogue(ledger: psycopg.Connection[Any]) -> None:
    with ledger.transaction(force_rollback=True):
        ledger.execute("CREATE TABLE extra (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ledger_shard smallint, "
                       "user_id uuid REFERENCES gateway_user)")  # fmt: skip
        tables = catalogue.read(ledger)
        steps = plan(tables)
        found = [one for one in violations(tables, steps) if one.table == "extra"]

    assert next(step for step in steps if step.table == "gateway_user").placement == Placement.REFERENCE
    assert [(one.what, one.is_handled) for one in found] == [("extra_pkey", False), ("id", False)]
    assert steps[-1].placement == Placement.LOCAL


SPLIT = Table("t", ("ledger_shard", "id"), KEY)
NARROW, WIDE = (ForeignKey("f", columns, "t", columns) for columns in (("id",), ("ledger_shard", "id")))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([SPLIT], []),
        ([Table("t", ("ledger_shard", "id"), {"u": ("id",)})], ["u"]),
        ([SPLIT, Table("x", ("id",), foreign_keys=(NARROW,))], ["f"]),
        ([SPLIT, Table("x", ("ledger_shard", "id"), foreign_keys=(NARROW,))], ["f"]),
        ([SPLIT, Table("x", ("ledger_shard", "id"), foreign_keys=(WIDE,))], []),
        ([Table("t", ("ledger_shard", "id"), KEY, partition_levels=2)], ["partitions"]),
        ([Table("t", ("ledger_shard", "id"), KEY, serial={"id": "integer"})], ["id"]),
    ],
)
def test_what_cannot_be_distributed_is_named(tables: list[Table], expected: list[str]) -> None:
    assert [one.what for one in violations(tables, plan(tables))] == expected


def test_what_is_pointed_at_is_made_first() -> None:
    tables = [
        Table("t", ("ledger_shard", "r"), KEY, (ForeignKey("f", ("r",), "r", ("id",)),)),
        Table("r", ("id",), foreign_keys=(ForeignKey("g", ("id",), "s", ("id",)),)),
        Table("s", ("id",)),
    ]

    assert [(step.table, step.placement) for step in plan(tables)] == [
        ("s", "reference"), ("r", "reference"), ("t", "distributed"),
    ]  # fmt: skip


def test_the_command_prints_the_plan_and_changes_nothing_without_citus(ledger: psycopg.Connection[Any]) -> None:
    out, text = StringIO(), StringIO()
    call_command("distribution_plan", "--json", stdout=out)
    call_command("distribution_plan", stdout=text)

    found = json.loads(out.getvalue())
    assert found["statements"][-1].startswith("SELECT create_distributed_table")
    assert f"distributed  {LEDGER}" in text.getvalue()
    with pytest.raises(CommandError, match="citus is not in the database"):
        call_command("distribution_plan", "--apply", stdout=StringIO())


# ---- statements ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM gateway_organization FOR UPDATE", []),
        (f"SELECT * FROM {LEDGER} FOR UPDATE", ["for_update"]),
        (f"SELECT * FROM {LEDGER} WHERE ledger_shard = 3 FOR UPDATE", []),
        (f"SELECT 'FOR UPDATE' FROM {LEDGER}", []),
        (f"WITH a AS (INSERT INTO {LEDGER} VALUES (1) RETURNING id) SELECT * FROM a", ["modifying_cte"]),
        (f"DELETE FROM {LEDGER}", ["update_or_delete"]),
        (f"SELECT tableoid FROM {LEDGER}", ["tableoid"]),
        (f"SELECT count(DISTINCT id) FROM {LEDGER}", ["distinct"]),
        (f"SELECT count(DISTINCT ledger_shard) FROM {LEDGER}", []),
        (f"INSERT INTO {LEDGER} VALUES (random()) ON CONFLICT DO NOTHING", ["volatile_insert"]),
        (f"SELECT EXISTS (SELECT 1 FROM {LEDGER} o WHERE o.id = a.id) FROM {LEDGER} a", ["correlated"]),
        (f"SELECT EXISTS (SELECT 1 FROM {LEDGER} o WHERE o.ledger_shard = a.ledger_shard) FROM {LEDGER} a", []),
        (f"SELECT 1 FROM {LEDGER} a JOIN {LEDGER} b ON a.id = b.id", ["self_join"]),
        (f"SELECT row_number() OVER (PARTITION BY organization) FROM {LEDGER}", ["window"]),
        (f"WITH a AS MATERIALIZED (SELECT * FROM {LEDGER}) SELECT 1 FROM a", ["materialized"]),
        (f"ALTER TABLE {LEDGER} DETACH PARTITION {LEDGER}_2026_01 CONCURRENTLY", ["detach_concurrently"]),
        (f"SELECT * FROM {LEDGER} TABLESAMPLE system(1)", ["tablesample"]),
        (f"SELECT 1 FROM {LEDGER} GROUP BY ROLLUP (team)", ["grouping_sets"]),
    ],
)
def test_traps_are_seen(statement: str, expected: list[str]) -> None:
    assert traps(statement, SPREAD) == expected
    assert set(expected) <= set(TRAPS)


class Recording(psycopg.Cursor[Any]):
    """Keeps what a plain connection is asked."""

    said: list[str] = []

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        self.said.append(str(query))
        return super().execute(query, *args, **options)

    def copy(self, statement: Any, *args: Any, **options: Any) -> Any:
        self.said.append(str(statement))
        return super().copy(statement, *args, **options)


@pytest.fixture
def recorded(transactional_db: None, conninfo: str) -> Iterator[tuple[psycopg.Connection[Any], list[str]]]:
    """A connection as the writer's, and every statement that it or Django's is given."""
    said: list[str] = []
    Recording.said = said

    def keep(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        said.append(sql)
        return execute(sql, *args)

    options: dict[str, Any] = {"cursor_factory": Recording}
    with psycopg.connect(conninfo, autocommit=True, **options) as plain, django_connection.execute_wrapper(keep):
        yield plain, said


SETTLED = {
    "materialized": "refresh and verify group a few days of one organization once; that much is pulled",
    "window": "newly seen subjects are numbered, most frequent first, when they are admitted",
}


def suspicious(said: list[str]) -> dict[str, set[str]]:
    """Traps in what was said, each with the statements."""
    found: dict[str, set[str]] = {}
    for statement in said:
        for code in traps(statement, SPREAD):
            found.setdefault(code, set()).add(" ".join(statement.split())[:300])
    return found


def test_what_runs_on_the_ledger_holds_no_trap_but_the_settled(
    recorded: tuple[psycopg.Connection[Any], list[str]], settings: Any, conninfo: str
) -> None:
    plain, said = recorded
    settings.DATABASE_DIRECT_URL = conninfo
    company, at = acme(), datetime(2026, 6, 10, 9, tzinfo=UTC)
    lines = [line(company, at=at), line(company, at=at, cost=None, price_status="unpriced", charges=[])]
    ensure_partitions(plain, [at])
    with plain.transaction():
        book(plain, lines)
    with plain.transaction():
        book(plain, lines)  # the exact way: what is known is ignored
    drain_marks()
    rebuild(company.organization.pk, at - timedelta(days=1), at + timedelta(days=1), workers=1)
    compare_rollups()
    verify(plain)
    verify_budgets(plain)
    for measure in MEASURES:
        query = Query(measures=[measure], start=at - timedelta(days=1), end=at + timedelta(days=1),
                      organization=company.organization)  # fmt: skip
        try:
            run(company.people["alice"], query)
        except QueryError:
            continue
    retire(now=datetime(2026, 9, 1, tzinfo=UTC), days=45)

    found = suspicious(said)
    assert sum(LEDGER in statement for statement in said) > 12
    assert {code: statements for code, statements in found.items() if code not in SETTLED} == {}
    assert set(SETTLED) == set(found)


ERASING = {
    "update_or_delete": "the name is put out of the lines",
    "modifying_cte": "of lines that came late, with marks for their buckets",
    "correlated": "an admitted value goes when no line has it any more",
}


def test_what_shows_exports_compares_and_teaches_holds_no_trap(
    recorded: tuple[psycopg.Connection[Any], list[str]], client: Client, settings: Any
) -> None:
    _, said = recorded
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    company = ledgers.company()
    booked = logged(company, "Who?", "We.", end_user="customer-17")
    logged(company, "Where?", "Here.", end_user="customer-17", project=company.banner)
    drain_marks()
    said.clear()
    client.force_login(company.people["alice"], backend="django.contrib.auth.backends.ModelBackend")

    begun = datetime.now(UTC) - timedelta(days=1)
    window = {"start": begun.isoformat(), "end": (begun + timedelta(days=2)).isoformat()}
    pages = [
        ("/api/v1/usage-records", window), (f"/api/v1/usage-records/{booked['request_id']}", {}),
        ("/api/v1/usage-records", {"end_user": "customer-17"}), ("/api/v1/cost/records", window),
        (f"/api/v1/usage-records/{booked['request_id']}/cost-explanation", {}),
        ("/admin/requests/", {}), ("/admin/requests/", {"end_user": "customer-17", "min_cost": "0", "weekday": "3"}),
        ("/admin/requests/", {"tag.feature": "chat", "min_duration_ms": "1"}),
        (f"/admin/requests/{booked['request_id']}/", {}), ("/admin/requests/live/", {}),
        ("/admin/requests/values/", {"name": "model_served"}), ("/admin/realtime/", {}),
        ("/admin/security/", {}), ("/admin/compliance/", {}), ("/admin/sdks/usage/", {}), ("/admin/invoices/", {}),
    ]  # fmt: skip
    answered = {f"{path} {query}": client.get(path, query).status_code for path, query in pages}
    for dataset, asked in (("usage_records", window), ("metrics", {**window, "measures": ["cost"]})):
        request_export(organization=company.organization, user=company.people["alice"],
                       asked=Asked(dataset, "csv", asked))  # fmt: skip
    assert run_exports() == 2
    upload = invoices.Upload(io.BytesIO(ledgers.costs(extra={0: {"input": 5}})), "costs.json")
    bill, _ = invoices.upload_invoice(organization=company.organization, actor=None, upload=upload, limit_bytes=1 << 20)
    assert bill.causes != []
    chosen = Chosen(begun, datetime.now(UTC))
    build_from_traffic(project=company.assistant, name="t.jsonl", chosen=chosen, consent=True, sampling=None,
                       created_by=company.people["bob"], actor=company.people["bob"])  # fmt: skip

    assert {page: status for page, status in answered.items() if status not in (200, 404)} == {}
    assert sum(LEDGER in statement for statement in said) > 20
    assert set(suspicious(said)) == {"distinct"}  # keys that used an SDK


def test_erasing_an_end_user_is_what_a_cluster_refuses(
    recorded: tuple[psycopg.Connection[Any], list[str]],
) -> None:
    """And nothing else of it; docs/operations/citus.md says so."""
    _, said = recorded
    company = acme()
    book_lines(line(company, end_user="customer-17"))
    drain_marks()
    said.clear()
    made = erasure.erase_end_user(organization=company.organization, end_user="customer-17", actor=None)
    assert erasure.run_waiting() == 1
    made.refresh_from_db()
    book_lines(line(company, at=made.lines_before - timedelta(minutes=20), end_user="customer-17"))
    assert erasure.look_again() == 1

    assert set(suspicious(said)) == set(ERASING)
