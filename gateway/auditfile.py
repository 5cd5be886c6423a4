"""The audit trail as a file, of the API and of the console."""

from datetime import UTC, datetime

from gateway.downloads import Download
from gateway.models import Organization
from gateway.services import audit
from gateway.services.audit import Actor


def audit_chain(organization: Organization | None, actor: Actor) -> Download:
    """The sealed events as JSON lines; that somebody took them is noted in the trail they are of."""
    audit.note_export(organization=organization, actor=actor)
    name = f"audit-{organization.slug if organization else 'platform'}-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl"
    return Download(audit.export(organization), name=name, content_type="application/x-ndjson")
