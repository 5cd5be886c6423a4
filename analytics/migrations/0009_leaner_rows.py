"""Sums of whole numbers that stay whole numbers; no primary keys on the quarter-hours, which nothing looks up by id.

`sum(bigint)` answers in numeric, which every row then pays for. The ids stay as columns; with a number of them kept
ready in each session they cost next to nothing.
"""

from django.db import migrations

SUMS = """
CREATE AGGREGATE analytics_sum(bigint) (
  SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, INITCOND = '0', PARALLEL = SAFE
);
CREATE AGGREGATE analytics_sum(numeric) (
  SFUNC = numeric_add, STYPE = numeric, COMBINEFUNC = numeric_add, PARALLEL = SAFE
);
"""
DROP_SUMS = "DROP AGGREGATE analytics_sum(bigint); DROP AGGREGATE analytics_sum(numeric);"
CUBES = ("wide", "subject", "project", "key", "charge")


def _tables(statement: str) -> str:
    return "\n".join(statement.replace("TABLE_NAME", f"analytics_{name}_quarter_hour") for name in CUBES)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_late_lines")]

    operations = [
        migrations.RunSQL(SUMS, DROP_SUMS),
        migrations.RunSQL(
            _tables("ALTER TABLE TABLE_NAME DROP CONSTRAINT TABLE_NAME_pkey;"),
            _tables("ALTER TABLE TABLE_NAME ADD PRIMARY KEY (id);"),
        ),
        migrations.RunSQL(
            _tables("ALTER SEQUENCE TABLE_NAME_id_seq CACHE 1000;"),
            _tables("ALTER SEQUENCE TABLE_NAME_id_seq CACHE 1;"),
        ),
    ]
