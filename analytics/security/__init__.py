"""How safe the use of keys is: findings about keys, incidents, a score that shows its sum. Pure."""

from analytics.security.findings import Finding, KeyFacts, findings_of
from analytics.security.incidents import Count, Incident, incidents_of
from analytics.security.score import Part, score_of

__all__ = ["Count", "Finding", "Incident", "KeyFacts", "Part", "findings_of", "incidents_of", "score_of"]
