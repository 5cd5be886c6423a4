"""Names of a directory's groups differ in more than upper and lower case."""

from typing import Any

from django.db import migrations, models
from django.db.models import Value
from django.db.models.functions import Lower

CONSTRAINT = models.UniqueConstraint("organization", Lower("name"), name="provisioned_group_name_unique")
LENGTH = 120


def tell_apart(apps: Any, schema_editor: Any) -> None:
    """Of groups whose names are alike the oldest keeps its name; later ones get a number."""
    groups = apps.get_model("gateway", "ProvisionedGroup").objects.using(schema_editor.connection.alias)
    seen = set()
    rows = groups.annotate(lowered=Lower("name")).order_by("created_at", "id")
    for pk, organization, name, lowered in rows.values_list("pk", "organization", "name", "lowered"):
        if (organization, lowered) in seen:
            groups.filter(pk=pk).update(name=_free(groups.filter(organization=organization), name))
        seen.add((organization, lowered))


def _free(groups: Any, name: str) -> str:
    """Compared by the database, whose lower case the constraint is about."""
    number = 2
    while True:
        suffix = f" ({number})"
        found = name[: LENGTH - len(suffix)] + suffix
        if not groups.annotate(lowered=Lower("name")).filter(lowered=Lower(Value(found))).exists():
            return found
        number += 1


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0031_retention_limits"),
    ]

    operations = [
        migrations.RunPython(tell_apart, migrations.RunPython.noop),
        migrations.AddConstraint("provisionedgroup", CONSTRAINT),
        migrations.RemoveConstraint("provisionedgroup", "provisioned_group_unique"),
    ]
