"""One document of both APIs, of which the SDKs are made."""

from typing import Any

from sdkgen.documents.declared import SECURITY, dataplane
from sdkgen.documents.management import described, extended, overrides

TITLE = "LLM Gateway"
DESCRIPTION = (
    "Calls of models in the wire formats of OpenAI and Anthropic, and the management of the gateway. Money is a "
    "decimal string, times are RFC 3339 in UTC, intervals are half-open."
)


def merged() -> dict[str, Any]:
    """OpenAPI 3.1 as plain JSON values; the same for the same code. Raises ValueError when both declare one thing."""
    document = extended(described(), overrides())
    declared = dataplane()
    for where, found in (
        (document["paths"], declared["paths"]),
        (document["components"]["schemas"], declared["schemas"]),
        (document["components"]["securitySchemes"], SECURITY),
    ):
        if taken := set(where) & set(found):
            raise ValueError(f"declared for the data plane and by the management API: {', '.join(sorted(taken))}")
        where.update(found)
    document["info"] = {"title": TITLE, "description": DESCRIPTION, "version": document["info"]["version"]}
    document["x-sdk"] = {"errors": declared["errors"], "resources": declared["resources"]}
    return document
