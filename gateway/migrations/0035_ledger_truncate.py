"""The ledger cannot be truncated either: neither the whole nor a month of it."""

from django.db import migrations

# Triggers of statements are not handed down to partitions, so each has its own; `ensure_partitions` makes those of new
# months. As with the guard of rows, a superuser's `session_replication_role = replica` passes both.
GUARD = """
CREATE FUNCTION gateway_ledger_truncate_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
DO $$
DECLARE one regclass;
BEGIN
  PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);
  FOR one IN SELECT 'gateway_ledgerline'::regclass
    UNION ALL SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'gateway_ledgerline'::regclass
  LOOP
    EXECUTE format('CREATE TRIGGER ledger_truncate_guard BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION gateway_ledger_truncate_guard()', one);
  END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("gateway", "0034_session_seen")]

    operations = [migrations.RunSQL(GUARD, "DROP FUNCTION gateway_ledger_truncate_guard() CASCADE")]
