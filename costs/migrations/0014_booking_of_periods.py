from django.db import migrations

from costs.budgets import sql


class Migration(migrations.Migration):
    """A batch that names a period with two ends, after a time zone changed its rules, is booked."""

    dependencies = [("costs", "0013_statement_other_currencies")]

    operations = [
        migrations.RunSQL(sql.BOOK.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1), migrations.RunSQL.noop)
    ]
