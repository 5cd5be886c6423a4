"""What a calling SDK says of itself besides its name and version."""

from django.db import migrations, models

HELP = "What one of our SDKs says of itself: runtime, os, document, retry, helper."


class Migration(migrations.Migration):
    dependencies = [("gateway", "0024_key_foreign_spend")]

    operations = [
        # A new installation has the column from the start: 0002 creates the table as the schema declares it today.
        migrations.RunSQL(
            "ALTER TABLE gateway_ledgerline ADD COLUMN IF NOT EXISTS sdk_about jsonb",
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AddField("ledgerline", "sdk_about", models.JSONField(help_text=HELP, null=True))
            ],
        ),
    ]
