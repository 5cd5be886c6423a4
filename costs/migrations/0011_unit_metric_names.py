from django.db import migrations, models


class Migration(migrations.Migration):
    """The name of an archived unit metric is free again."""

    dependencies = [("costs", "0010_unit_metrics")]

    operations = [
        migrations.RemoveConstraint(model_name="unitmetric", name="unit_metric_name_unique"),
        migrations.AddConstraint(
            model_name="unitmetric",
            constraint=models.UniqueConstraint(
                condition=models.Q(("archived_at", None)),
                fields=("organization", "name"),
                name="unit_metric_name_unique",
            ),
        ),
    ]
