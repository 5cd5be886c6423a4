"""Reports with their recipients, runs and mails; files that exports leave."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import gateway.ledger.ids


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0013_anomalies"),
        ("gateway", "0021_saved_views"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=120)),
                ("description", models.CharField(blank=True, max_length=500)),
                (
                    "template",
                    models.CharField(blank=True, help_text="Ready-made report that it was made from.", max_length=40),
                ),
                ("sections", models.JSONField(default=list)),
                (
                    "period",
                    models.CharField(
                        choices=[
                            ("previous_day", "The day before"),
                            ("previous_week", "The week before, Monday to Sunday"),
                            ("previous_month", "The month before"),
                            ("last_7_days", "The last 7 whole days"),
                            ("last_30_days", "The last 30 whole days"),
                            ("month_to_date", "This month until the day before"),
                        ],
                        default="previous_week",
                        max_length=20,
                    ),
                ),
                ("cron", models.CharField(blank=True, help_text="Five fields; empty: only by hand.", max_length=100)),
                (
                    "timezone",
                    models.CharField(default="UTC", help_text="IANA zone of schedule and days.", max_length=64),
                ),
                ("formats", models.JSONField(default=list, help_text="Attachments: pdf, xlsx, csv.")),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "shares_outside",
                    models.BooleanField(
                        default=False,
                        help_text="Addresses of people who are no members get what its owner sees; else nothing.",
                    ),
                ),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="gateway.organization"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose managers may change it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="gateway.team",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="ReportRecipient",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("team", "Everybody of a team"),
                            ("role", "Everybody with a role"),
                            ("address", "An e-mail address"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Administrator"),
                            ("manager", "Manager"),
                            ("analyst", "Analyst"),
                            ("developer", "Developer"),
                        ],
                        max_length=10,
                    ),
                ),
                ("address", models.EmailField(blank=True, max_length=254)),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recipients", to="analytics.report"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="gateway.team",
                    ),
                ),
            ],
            options={
                "ordering": ["kind", "id"],
            },
        ),
        migrations.CreateModel(
            name="ReportRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("trigger", models.CharField(choices=[("schedule", "Schedule"), ("manual", "By hand")], max_length=8)),
                ("due_at", models.DateTimeField()),
                ("start", models.DateTimeField(help_text="Of the period, inclusive.")),
                ("end", models.DateTimeField(help_text="Of the period, exclusive.")),
                ("sends", models.BooleanField(default=True, help_text="Whether it goes to the recipients.")),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="report_run", to="gateway.job"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateway.organization"
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="analytics.report"
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
                "ordering": ["-due_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ReportMail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("view", models.CharField(max_length=120)),
                ("content", models.BinaryField(help_text="JSON: subject, html, text, images, attachments; encrypted.")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="views", to="analytics.reportrun"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReportDelivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("address", models.EmailField(max_length=254)),
                (
                    "attempt",
                    models.PositiveSmallIntegerField(default=1, help_text="Grows when a person has it sent again."),
                ),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "message",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="gateway.outboxmessage",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "content",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="analytics.reportmail",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="analytics.reportrun"
                    ),
                ),
            ],
            options={
                "ordering": ["address", "attempt"],
            },
        ),
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=200)),
                ("content_type", models.CharField(max_length=100)),
                ("size_bytes", models.BigIntegerField()),
                ("rows", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField()),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="stored_file", to="gateway.job"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StoredPiece",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("data", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pieces", to="analytics.storedfile"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Unsubscription",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("address", models.EmailField(max_length=254)),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unsubscriptions",
                        to="analytics.report",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(
                condition=models.Q(("archived_at", None), ("is_enabled", True)), fields=["next_at"], name="report_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trigger", "schedule")), fields=("report", "due_at"), name="report_run_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportmail",
            constraint=models.UniqueConstraint(fields=("run", "view"), name="report_mail_unique"),
        ),
        migrations.AddConstraint(
            model_name="reportdelivery",
            constraint=models.UniqueConstraint(
                models.F("run"),
                django.db.models.functions.text.Lower("address"),
                models.F("attempt"),
                name="report_delivery_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="storedfile",
            index=models.Index(fields=["expires_at"], name="stored_file_expiry"),
        ),
        migrations.AddConstraint(
            model_name="storedpiece",
            constraint=models.UniqueConstraint(fields=("file", "number"), name="stored_piece_unique"),
        ),
        migrations.AddConstraint(
            model_name="unsubscription",
            constraint=models.UniqueConstraint(
                models.F("report"), django.db.models.functions.text.Lower("address"), name="unsubscription_unique"
            ),
        ),
    ]
