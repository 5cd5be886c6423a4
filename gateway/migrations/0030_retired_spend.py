"""What keys spent in months that left the ledger before `RetiredSpend` was kept: tables that are detached still say it.

Where something is kept already, the gateway has detached months since and nobody can tell which tables are in it.
"""

from typing import Any

from django.db import migrations

DETACHED = r"gateway\_ledgerline\_%\_detached%"
# Lines that came back to the ledger while the month left it are in both.
ADD = """
INSERT INTO gateway_retiredspend AS r (key_id, currency, spent, requests)
SELECT t.api_key, t.currency, sum(coalesce(t.cost, 0)),
  coalesce(sum({count}) FILTER (WHERE t.is_final AND t.kind IN ('attempt', 'cache_hit')), 0)
FROM {table} t WHERE t.api_key IS NOT NULL AND NOT EXISTS (
  SELECT FROM gateway_ledgerline l WHERE l.ledger_shard = t.ledger_shard AND l.started_at = t.started_at AND l.id = t.id)
GROUP BY 1, 2 ON CONFLICT (key_id, currency) DO UPDATE
SET spent = r.spent + excluded.spent, requests = r.requests + excluded.requests
"""


def fill(apps: Any, editor: Any) -> None:
    """Once: afterwards something is kept."""
    with editor.connection.cursor() as cursor:
        cursor.execute("LOCK TABLE gateway_retiredspend IN SHARE ROW EXCLUSIVE MODE")  # no month leaves meanwhile
        cursor.execute("SELECT EXISTS (SELECT FROM gateway_retiredspend)")
        if cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND "
            "a.attname = 'request_count') FROM pg_class c WHERE c.relkind = 'r' AND c.relname LIKE %s", [DETACHED],
        )  # fmt: skip
        for table, counts in cursor.fetchall():
            cursor.execute(ADD.format(table=table, count="t.request_count" if counts else "1"))


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0029_archive_erasures"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
