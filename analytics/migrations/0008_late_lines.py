"""Lines that come for a part of the ledger that retention has detached."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0007_local_days_and_subjects"),
    ]

    operations = [
        migrations.CreateModel(
            name="CountedLine",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.AddField(
            model_name="ledgerhorizon",
            name="late_from",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
