"""Deploys, incidents and notes on charts."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import gateway.ledger.ids


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0010_day_cubes"),
        ("gateway", "0021_saved_views"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Annotation",
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
                        choices=[("deploy", "Deploy"), ("incident", "Incident"), ("note", "Note")],
                        default="deploy",
                        max_length=12,
                    ),
                ),
                ("text", models.CharField(help_text="What happened, in a few words.", max_length=200)),
                (
                    "at",
                    models.DateTimeField(default=django.utils.timezone.now, help_text="When it happened, or began."),
                ),
                (
                    "ended_at",
                    models.DateTimeField(
                        blank=True, help_text="When it was over; empty: at once, or not yet.", null=True
                    ),
                ),
                (
                    "url",
                    models.URLField(
                        blank=True,
                        help_text="Page that says more: a release, a post-mortem.",
                        max_length=500,
                        validators=[django.core.validators.URLValidator(schemes=["http", "https"])],
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="annotations",
                        to="gateway.organization",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose members alone see it; empty: everybody of the organization.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="gateway.team",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [models.Index(fields=["organization", "at"], name="annotation_window")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ended_at", None), ("ended_at__gt", models.F("at")), _connector="OR"),
                        name="annotation_ends_after_it_began",
                    )
                ],
            },
        ),
    ]
