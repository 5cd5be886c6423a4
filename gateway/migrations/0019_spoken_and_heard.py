"""What speech and transcriptions are billed by where a vendor does not bill them by tokens."""

from django.db import migrations, models

SQL = """
ALTER TABLE gateway_ledgerline ADD COLUMN IF NOT EXISTS {name} bigint NOT NULL DEFAULT 0;
ALTER TABLE gateway_ledgerline ALTER COLUMN {name} SET DEFAULT 0
"""


def column(name: str, help_text: str) -> migrations.RunSQL:
    # A new installation has the column from the start: 0002 creates the table as the schema declares it today.
    field = models.BigIntegerField(db_default=0, help_text=help_text)
    return migrations.RunSQL(
        SQL.format(name=name),
        migrations.RunSQL.noop,
        state_operations=[migrations.AddField(model_name="ledgerline", name=name, field=field)],
    )


class Migration(migrations.Migration):
    dependencies = [("gateway", "0014_routing")]

    operations = [
        column("characters", "Characters of a text that was spoken."),
        column("audio_ms", "Length of a recording that was heard, milliseconds."),
    ]
