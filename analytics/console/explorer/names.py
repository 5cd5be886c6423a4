"""What filters and values of dimensions are called, as the person may know it."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.console.cards import labels
from gateway.models import Organization, User

LABELS = {
    "status": "Status", "model": "Model", "model_requested": "Asked for", "provider": "Provider", "project": "Project",
    "team": "Team", "api_key": "Key", "user": "Person", "endpoint": "Endpoint", "error_type": "Error",
    "http_status": "HTTP status", "route": "Route", "is_stream": "Streamed", "cache_status": "Cache",
    "kind": "Kind", "sdk": "Client", "origin": "Origin", "end_user": "End user",
}  # fmt: skip
KINDS = {"attempt": "Upstream call", "cache_hit": "Cache hit", "denied": "Denied"}


def names_of(user: User, organization: Organization, dimension: str, values: Iterable[str]) -> dict[str, str]:
    """Value → name. At most one query; an id that is gone or hidden is shown by its start."""
    found = labels.names(user, organization, dimension, values)
    if dimension == "kind":
        found |= KINDS
    return found | ({labels.NONE: "None served"} if dimension == "model" else {})
