"""Days that no date can hold are refused."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateway", "0030_retired_spend")]

    operations = [
        migrations.AlterField(
            model_name="retentionpolicy",
            name="end_user_days",
            field=models.PositiveIntegerField(
                blank=True, null=True, help_text="End users who were not seen for so long are erased.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)],
            ),
        ),
        migrations.AlterField(
            model_name="retentionpolicy",
            name="export_days",
            field=models.PositiveIntegerField(
                blank=True, null=True,
                help_text="Days that files of exports are kept, at most what the installation allows.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)],
            ),
        ),
    ]  # fmt: skip
