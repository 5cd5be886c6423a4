from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finetuning", "0004_local_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="tuningjob",
            name="evaluation",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
