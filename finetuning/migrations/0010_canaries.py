import django.db.models.deletion
from django.db import migrations, models

import gateway.ledger.ids


class Migration(migrations.Migration):
    dependencies = [
        ("finetuning", "0009_job_evaluation"),
    ]

    operations = [
        migrations.CreateModel(
            name="Canary",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=gateway.ledger.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("route", models.CharField(max_length=200)),
                ("share", models.PositiveSmallIntegerField(help_text="Percent of the route's first choices.")),
                (
                    "guard",
                    models.CharField(
                        choices=[
                            ("rollback", "Take it off when it is worse"),
                            ("promote", "Take it off when it is worse, give it all calls when it is not"),
                            ("off", "Nothing: I watch it myself"),
                        ],
                        default="rollback",
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("watching", "Watched"),
                            ("rolled_back", "Rolled back"),
                            ("promoted", "Promoted"),
                            ("ended", "Watched no more"),
                        ],
                        default="watching",
                        max_length=11,
                    ),
                ),
                ("since", models.DateTimeField(blank=True, null=True)),
                ("looks", models.PositiveIntegerField(default=0)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("decision", models.CharField(blank=True, max_length=9)),
                ("why", models.TextField(blank=True)),
                ("measures", models.JSONField(blank=True, default=list)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(blank=True, help_text="When it is looked at next.", null=True)),
                (
                    "tuned",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="canaries", to="finetuning.tunedmodel"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at", None), _negated=True), fields=["due_at"], name="canary_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "watching")),
                        fields=("tuned", "route"),
                        name="canary_once_at_a_time",
                    )
                ],
            },
        ),
    ]
