"""Whether anything is charged in another currency is asked with every question about money."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0018_alert_windows")]

    operations = [
        migrations.AddIndex(
            model_name="chargerollup",
            index=models.Index(fields=["organization", "currency", "bucket"], name="charge_quarter_currency"),
        ),
    ]
