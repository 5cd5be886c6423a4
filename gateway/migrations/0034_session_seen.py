"""When a session was last used."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0033_tokens_unstored"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="seen_at",
            field=models.DateTimeField(
                help_text="Last use, to a minute; None without a limit of being idle.", null=True
            ),
        ),
    ]
