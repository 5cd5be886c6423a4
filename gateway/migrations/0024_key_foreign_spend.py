"""What keys spent in other currencies leaves the sum of the one that is kept."""

from django.db import migrations, models

MOVED = """
INSERT INTO gateway_keyforeignspend (key_id, currency, spent)
SELECT l.api_key, l.currency, sum(l.cost) FROM gateway_ledgerline l JOIN gateway_virtualkey k ON k.id = l.api_key
JOIN gateway_organization o ON o.id = k.organization_id WHERE l.currency <> o.currency AND l.cost <> 0 GROUP BY 1, 2;
UPDATE gateway_keyspend s SET spent = s.spent - f.spent
FROM (SELECT key_id, sum(spent) AS spent FROM gateway_keyforeignspend GROUP BY 1) f WHERE f.key_id = s.key_id;
"""
BACK = """
UPDATE gateway_keyspend s SET spent = s.spent + f.spent
FROM (SELECT key_id, sum(spent) AS spent FROM gateway_keyforeignspend GROUP BY 1) f WHERE f.key_id = s.key_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0023_local_head_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyForeignSpend",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.UUIDField()),
                ("currency", models.TextField()),
                ("spent", models.DecimalField(decimal_places=10, default=0, max_digits=20)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("key_id", "currency"), name="key_foreign_spend_unique")
                ],
            },
        ),
        migrations.RunSQL(MOVED, BACK),
    ]
