"""Erasures of end users, retention of organizations; the ledger's trigger lets through what these change."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import gateway.ledger.ids

GUARD = """
CREATE OR REPLACE FUNCTION gateway_ledger_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  personal text[] := ARRAY['end_user', 'client_ip_hash', 'request_hmac', 'prefix_hmacs'];
BEGIN
  IF current_setting('gateway.forgetting', true) = OLD.organization::text THEN
    IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - personal) = (to_jsonb(OLD) - personal) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
"""
"""Who forgets sets `gateway.forgetting` to the organization for the transaction (`gateway.erasure`); then names of end
users and hashes of what they sent may go. No figure of a line can change, and no line can go."""
FORMER = """
CREATE OR REPLACE FUNCTION gateway_ledger_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0027_ledger_archive"),
    ]

    operations = [
        migrations.RunSQL(GUARD, FORMER),
        migrations.CreateModel(
            name="RetentionPolicy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "end_user_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="End users who were not seen for so long are erased.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "export_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Days that files of exports are kept, at most what the installation allows.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_policy",
                        to="gateway.organization",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "retention policies",
            },
        ),
        migrations.CreateModel(
            name="EndUserErasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "name",
                    models.BinaryField(help_text="Encrypted; emptied once late lines can no longer come.", null=True),
                ),
                (
                    "name_hash",
                    models.BinaryField(
                        help_text="Keyed, to recognise the name when somebody asks whether it was erased."
                    ),
                ),
                ("pseudonym", models.CharField(help_text="What stands in its place.", max_length=40, unique=True)),
                ("lines_before", models.DateTimeField(help_text="Calls that began before this are covered.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("found", models.JSONField(default=dict)),
                ("review", models.JSONField(default=list)),
                ("error", models.CharField(blank=True, max_length=300)),
                (
                    "is_automatic",
                    models.BooleanField(db_default=False, default=False, help_text="By the retention of names."),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="end_user_erasures",
                        to="gateway.organization",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("name__isnull", False)), fields=["finished_at"], name="erasure_open_name"
                    ),
                    models.Index(fields=["organization", "name_hash"], name="erasure_by_name"),
                ],
            },
        ),
    ]
