"""The dimension `cost_center` of the metrics layer: by whole teams and projects, from the direct rules in force then.

Rules about tags, models or shared costs split what one row of the rollups holds; what they allocate is in
`cost/allocation` and in statements.
"""

from analytics.metrics import Dimension

COST_CENTER = Dimension(
    "cost_center",
    "Cost centre",
    "text",
    "Code of the cost centre that a direct allocation rule names for the team or project.",
    "SELECT c.code FROM costs_directcenter d JOIN costs_allocationrule r ON r.id = d.rule_id "
    "JOIN costs_costcenter c ON c.id = d.cost_center_id "
    "WHERE d.organization_id = rows.organization AND (d.team = rows.team OR d.project = rows.project) "
    "AND r.valid_from <= rows.bucket AND (r.valid_to IS NULL OR rows.bucket < r.valid_to) "
    "ORDER BY r.position, r.id LIMIT 1",
    ("organization", "team", "project"),
)
