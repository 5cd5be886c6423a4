"""An imported line can be the total of several requests (vendors' usage exports): the ledger says of how many."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateway", "0005_cache_policy")]

    operations = [
        # A new installation has the column from the start: 0002 creates the table as the schema declares it today.
        migrations.RunSQL(
            "ALTER TABLE gateway_ledgerline ADD COLUMN IF NOT EXISTS request_count integer NOT NULL DEFAULT 1; "
            "ALTER TABLE gateway_ledgerline ALTER COLUMN request_count SET DEFAULT 1",
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AddField(
                    model_name="ledgerline",
                    name="request_count",
                    field=models.IntegerField(
                        db_default=1,
                        help_text="Requests the line stands for: 1, but for imported totals of several.",
                    ),
                )
            ],
        ),
    ]
