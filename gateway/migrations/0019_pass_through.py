"""What speech and transcriptions are billed by where a vendor does not bill them by tokens; whose files and batches are."""

import django.db.models.deletion
from django.db import migrations, models

import gateway.ledger.ids

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
    dependencies = [("gateway", "0018_idempotent_calls")]

    operations = [
        column("characters", "Characters of a text that was spoken."),
        column("audio_ms", "Length of a recording that was heard, milliseconds."),
        migrations.CreateModel(
            name="ProviderObject",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("kind", models.CharField(choices=[("file", "File"), ("batch", "Batch")], max_length=5)),
                ("object_id", models.CharField(help_text="The provider's id, which clients use.", max_length=200)),
                ("model", models.CharField(help_text="Name that the requests ask for.", max_length=200)),
                ("model_served", models.CharField(help_text="Name of the model in the catalogue.", max_length=200)),
                ("upstream_name", models.CharField(max_length=200)),
                ("endpoint", models.CharField(blank=True, help_text="Path that the requests are for.", max_length=60)),
                (
                    "status",
                    models.CharField(blank=True, help_text="The provider's word when it was last seen.", max_length=20),
                ),
                ("content", models.JSONField(default=dict, help_text="The object as the provider last described it.")),
                ("called_by", models.JSONField(default=dict)),
                ("line_id", models.UUIDField(help_text="The ledger line that a batch gets, once.", null=True)),
                ("settled_at", models.DateTimeField(help_text="When nothing was left to be booked.", null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.project"
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.provider"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["project", "kind", "-created_at"], name="provider_object_list"),
                    models.Index(
                        condition=models.Q(("kind", "batch"), ("settled_at", None)),
                        fields=["checked_at"],
                        name="provider_object_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "kind", "object_id"), name="provider_object_unique")
                ],
            },
        ),
    ]
