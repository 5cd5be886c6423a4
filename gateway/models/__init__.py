"""The gateway's tables, one room a subject."""

from gateway.models.archive import ArchivedLine, ArchiveErasure, LedgerArchive, RetiredSpend
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
from gateway.models.signin import (
    ExternalIdentity,
    ProvisionedGroup,
    ProvisionedPerson,
    RecoveryCode,
    SecondFactor,
    Session,
)

__all__ = [
    "AllowedUpstream",
    "ArchiveErasure",
    "ArchivedLine",
    "AuditEvent",
    "BodyPolicy",
    "CachePolicy",
    "ConfigChange",
    "ConfigVersion",
    "DirtyMark",
    "EndUserErasure",
    "ExternalIdentity",
    "Guardrail",
    "Heartbeat",
    "IdempotentCall",
    "ImportChunk",
    "ImportRun",
    "Invitation",
    "Job",
    "KeyForeignSpend",
    "KeySpend",
    "LedgerArchive",
    "LedgerLine",
    "LoggedBody",
    "Membership",
    "Model",
    "Organization",
    "OutboxMessage",
    "Project",
    "Provider",
    "ProviderObject",
    "ProvisionedGroup",
    "ProvisionedPerson",
    "QualityScore",
    "QuarantinedLine",
    "RateLimit",
    "RecoveryCode",
    "RejectedRecord",
    "RetentionPolicy",
    "RetiredSpend",
    "Route",
    "RouteTarget",
    "SavedView",
    "SecondFactor",
    "SecurityEvent",
    "Session",
    "SpoolCursor",
    "SubjectKey",
    "Team",
    "User",
    "VirtualKey",
]
