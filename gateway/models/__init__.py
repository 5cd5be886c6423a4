"""The gateway's tables, one room a subject."""

from gateway.models.audit import AuditEvent, SubjectKey
from gateway.models.batches import ProviderObject
from gateway.models.bodies import BodyPolicy, LoggedBody
from gateway.models.catalog import AllowedUpstream, ConfigChange, ConfigVersion, Model, Provider, Route, RouteTarget
from gateway.models.console import SavedView
from gateway.models.idempotency import IdempotentCall
from gateway.models.identity import Invitation, Membership, Organization, Project, Team, User
from gateway.models.jobs import Heartbeat, Job, OutboxMessage
from gateway.models.keys import KeyForeignSpend, KeySpend, VirtualKey
from gateway.models.ledger import (
    DirtyMark,
    ImportChunk,
    ImportRun,
    LedgerLine,
    QuarantinedLine,
    RejectedRecord,
    SecurityEvent,
    SpoolCursor,
)
from gateway.models.policies import CachePolicy, Guardrail, RateLimit
from gateway.models.privacy import EndUserErasure, RetentionPolicy
from gateway.models.scores import QualityScore

__all__ = [
    "AllowedUpstream",
    "AuditEvent",
    "BodyPolicy",
    "CachePolicy",
    "ConfigChange",
    "ConfigVersion",
    "DirtyMark",
    "EndUserErasure",
    "Guardrail",
    "Heartbeat",
    "IdempotentCall",
    "ImportChunk",
    "ImportRun",
    "Invitation",
    "Job",
    "KeyForeignSpend",
    "KeySpend",
    "LedgerLine",
    "LoggedBody",
    "Membership",
    "Model",
    "Organization",
    "OutboxMessage",
    "Project",
    "Provider",
    "ProviderObject",
    "QualityScore",
    "QuarantinedLine",
    "RateLimit",
    "RejectedRecord",
    "RetentionPolicy",
    "Route",
    "RouteTarget",
    "SavedView",
    "SecurityEvent",
    "SpoolCursor",
    "SubjectKey",
    "Team",
    "User",
    "VirtualKey",
]
