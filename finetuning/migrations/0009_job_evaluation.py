from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finetuning", "0008_recordings"),
    ]

    operations = [
        migrations.AddField(
            model_name="tuningjob",
            name="evaluation",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
