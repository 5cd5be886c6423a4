"""What beat offers and how often. Each task is idempotent and finds its own work, so a missed tick costs seconds."""

from typing import Any

SCHEDULES: dict[str, dict[str, Any]] = {
    "audit-seal": {"task": "gateway.audit_seal", "schedule": 2.0},
    "outbox-relay": {"task": "gateway.outbox_relay", "schedule": 5.0},
}
