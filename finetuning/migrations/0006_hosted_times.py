from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def copy(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was hosted so far, with the days that are booked; under the tuned model's id, which names those lines."""
    times = apps.get_model("finetuning", "HostedTime")
    for tuned in apps.get_model("finetuning", "TunedModel").objects.exclude(hosting_since=None):
        times.objects.get_or_create(
            id=tuned.pk,
            defaults={
                "tuned": tuned, "since": tuned.hosting_since, "until": tuned.hosting_until,
                "booked_until": tuned.hosting_booked_until,
            },
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("finetuning", "0005_hosting")]

    operations = [migrations.RunPython(copy, migrations.RunPython.noop)]
