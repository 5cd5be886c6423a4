"""A person who is deactivated takes their keys along: data planes must hear of it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_ledger_and_triggers")]

    operations = [
        migrations.RunSQL(
            "CREATE CONSTRAINT TRIGGER config_changed AFTER UPDATE OF is_active ON gateway_user "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gateway_config_changed('user', 'id');",
            "DROP TRIGGER config_changed ON gateway_user;",
        )
    ]
