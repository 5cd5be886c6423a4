"""The partitioned ledger, configuration-change triggers and the audit guard: SQL that models cannot say."""

from django.db import migrations

from gateway.ledger import schema

# Deferred constraint triggers run at commit, so the version row is the last lock a transaction takes, whoever
# writes: service, admin, SQL (rule 18). NOTIFY is delivered with the commit.
CONFIG_FUNCTION = """
CREATE FUNCTION gateway_config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v bigint; k text;
BEGIN
  IF TG_OP = 'DELETE' THEN k := to_jsonb(OLD) ->> TG_ARGV[1]; ELSE k := to_jsonb(NEW) ->> TG_ARGV[1]; END IF;
  INSERT INTO gateway_configversion AS c (id, version) VALUES (1, 1)
  ON CONFLICT (id) DO UPDATE SET version = c.version + 1 RETURNING version INTO v;
  INSERT INTO gateway_configchange (version, entity, entity_id, changed_at) VALUES (v, TG_ARGV[0], k, now());
  PERFORM pg_notify('gateway_config', v::text);
  RETURN NULL;
END $$;
"""

# table → (entity that changed, column with its id)
WATCHED = {
    "organization": ("organization", "id"),
    "project": ("project", "id"),
    "virtualkey": ("key", "id"),
    "provider": ("provider", "id"),
    "model": ("model", "id"),
    "route": ("route", "id"),
    "routetarget": ("route", "route_id"),
    "allowedupstream": ("allowed_upstream", "id"),
}


def trigger(table: str, entity: str, column: str) -> str:
    return (
        f"CREATE CONSTRAINT TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE ON gateway_{table} "
        f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gateway_config_changed('{entity}', '{column}');"
    )


AUDIT_GUARD = """
CREATE FUNCTION gateway_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.sequence IS NULL AND NEW.sequence IS NOT NULL
     AND (to_jsonb(NEW) - 'sequence' - 'hash' - 'previous_hash')
       = (to_jsonb(OLD) - 'sequence' - 'hash' - 'previous_hash') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON gateway_auditevent
  FOR EACH ROW EXECUTE FUNCTION gateway_audit_guard();
CREATE TRIGGER audit_guard_truncate BEFORE TRUNCATE ON gateway_auditevent
  FOR EACH STATEMENT EXECUTE FUNCTION gateway_audit_guard();
"""

LEDGER_GUARD = """
CREATE FUNCTION gateway_ledger_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_guard BEFORE UPDATE OR DELETE ON gateway_ledgerline
  FOR EACH ROW EXECUTE FUNCTION gateway_ledger_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]

    operations = [
        migrations.RunSQL(schema.create_sql(), schema.DROP_SQL),
        migrations.RunSQL(CONFIG_FUNCTION, "DROP FUNCTION gateway_config_changed() CASCADE"),
        *[migrations.RunSQL(trigger(table, *names), migrations.RunSQL.noop) for table, names in WATCHED.items()],
        migrations.RunSQL(AUDIT_GUARD, "DROP FUNCTION gateway_audit_guard() CASCADE"),
        migrations.RunSQL(LEDGER_GUARD, "DROP FUNCTION gateway_ledger_guard() CASCADE"),
    ]
