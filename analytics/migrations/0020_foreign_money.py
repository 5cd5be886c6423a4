"""What is charged in another currency is kept beside the cubes. What is booked already is counted again."""

from django.db import migrations, models

import analytics.models.sums

MARKS = """
INSERT INTO gateway_dirtymark (organization, grain, bucket)
SELECT DISTINCT l.organization, 'quarter_hour', date_bin('15 minutes', l.started_at, timestamptz 'epoch')
FROM gateway_ledgerline l JOIN gateway_organization o ON o.id = l.organization WHERE l.currency <> o.currency
UNION
SELECT DISTINCT l.organization, 'minute', date_bin('1 minute', l.started_at, timestamptz 'epoch')
FROM gateway_ledgerline l JOIN gateway_organization o ON o.id = l.organization
WHERE l.currency <> o.currency AND l.started_at > now() - interval '48 hours'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0019_charge_currency"),
        ("gateway", "0023_local_head_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="ForeignMinute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("bucket", models.DateTimeField(help_text="Start of the bucket, UTC.")),
                ("organization", models.UUIDField()),
                ("currency", models.TextField()),
                ("lines", models.BigIntegerField()),
                ("cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("list_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("saved_by_cache", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("input_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("output_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("cache_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("estimated_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("retry_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("failed_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("model", models.TextField(null=True)),
                ("status", models.TextField(null=True)),
            ],
            options={
                "db_table": "analytics_foreign_minute",
            },
        ),
        migrations.CreateModel(
            name="ForeignQuarterHour",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("bucket", models.DateTimeField(help_text="Start of the bucket, UTC.")),
                ("organization", models.UUIDField()),
                ("currency", models.TextField()),
                ("lines", models.BigIntegerField()),
                ("cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("list_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("saved_by_cache", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("input_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("output_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("cache_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("estimated_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("retry_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("failed_cost", analytics.models.sums.ExactField(decimal_places=20, max_digits=60)),
                ("team", models.UUIDField(null=True)),
                ("project", models.UUIDField()),
                ("api_key", models.UUIDField(null=True)),
                ("user", models.UUIDField(null=True)),
                ("provider", models.TextField(null=True)),
                ("model", models.TextField(null=True)),
                ("model_requested", models.TextField(null=True)),
                ("endpoint", models.TextField(null=True)),
                ("kind", models.TextField(null=True)),
                ("status", models.TextField(null=True)),
                ("error_type", models.TextField(null=True)),
                ("http_status", models.SmallIntegerField(null=True)),
                ("is_stream", models.BooleanField(null=True)),
                ("cache_status", models.TextField(null=True)),
                ("route", models.TextField(null=True)),
                ("sdk", models.TextField(null=True)),
                ("origin", models.TextField(null=True)),
                ("name", models.TextField(null=True)),
                ("value", models.TextField(null=True)),
            ],
            options={
                "db_table": "analytics_foreign_quarter_hour",
            },
        ),
        migrations.RemoveIndex(
            model_name="chargerollup",
            name="charge_quarter_currency",
        ),
        migrations.AddIndex(
            model_name="foreignminute",
            index=models.Index(fields=["organization", "bucket"], name="foreign_minute_window"),
        ),
        migrations.AddIndex(
            model_name="foreignquarterhour",
            index=models.Index(fields=["organization", "bucket"], name="foreign_quarter_window"),
        ),
        migrations.RunSQL(MARKS, migrations.RunSQL.noop),
    ]
