"""What was charged in other currencies stands on the statement, beside its amounts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("costs", "0012_realized_hours")]

    operations = [
        migrations.AddField(
            model_name="statement",
            name="other_currencies",
            field=models.JSONField(
                default=list, help_text="[{currency, amount, converted, rate}]: charged in others, in no amount of it."
            ),
        ),
    ]
