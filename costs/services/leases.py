"""What leases of data planes hold. Reads only."""

from collections.abc import Collection
from decimal import Decimal

from django.db import connection

LEASED_SQL = """
SELECT coalesce(b.currency, o.currency), sum(l.granted - l.booked) FROM costs_budgetlease l
JOIN costs_budgetcounter c ON c.id = l.counter_id JOIN gateway_organization o ON o.id = c.organization_id
LEFT JOIN costs_budget b ON b.id = c.budget_id
WHERE l.owner = ANY(%s) AND l.granted > l.booked GROUP BY 1 ORDER BY 1
"""


def leased_by(owners: Collection[str]) -> dict[str, Decimal]:
    """By currency, a key's own budget in its organization's; what a call holds on several budgets counts at each."""
    with connection.cursor() as cursor:
        cursor.execute(LEASED_SQL, [list(owners)])
        return dict(cursor.fetchall())
