"""SQL helpers of the rollups: histograms joined end to end, and equal buckets added up."""

from django.db import migrations

FUNCTIONS = """
CREATE AGGREGATE analytics_concat(anycompatiblearray) (
  SFUNC = array_cat, STYPE = anycompatiblearray, INITCOND = '{}', PARALLEL = SAFE
);
CREATE FUNCTION analytics_compact(smallint[], integer[], OUT b smallint[], OUT n integer[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(g.b ORDER BY g.b), '{}'), coalesce(array_agg(g.n ORDER BY g.b), '{}')
  FROM (SELECT u.b, sum(u.n)::integer AS n FROM unnest($1, $2) u(b, n) GROUP BY u.b) g
$$;
"""

DROP = """
DROP FUNCTION analytics_compact(smallint[], integer[]);
DROP AGGREGATE analytics_concat(anycompatiblearray);
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
