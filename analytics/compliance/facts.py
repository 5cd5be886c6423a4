"""What is known of an organization when its compliance is tested. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Key:
    """A live key."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    may_call: bool
    may_manage: bool
    is_limited_to_models: bool
    has_limit: bool
    owner_is_active: bool
    """True for a service key, which has no owner."""


@dataclass(frozen=True, slots=True)
class Rail:
    """An enabled guardrail."""

    kind: str
    action: str
    looks_at_input: bool
    looks_at_output: bool
    is_for_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`audit_intact` None: the chain is too long to be walked for an answer. `provider_urls`: of enabled providers by
    name. `body_days`: retention of each enabled policy that keeps bodies, `whole` for the organization's.
    `route_targets`: enabled targets of each enabled route. `served_unknown`: models served lately that are not in the
    catalogue. `differences` None: never compared."""

    now: datetime
    keys: tuple[Key, ...] = ()
    owners: int = 0
    privileged: int = 0
    people: int = 0
    deactivated_members: tuple[str, ...] = ()
    open_invitations_old: int = 0
    audit_events: int = 0
    audit_intact: bool | None = True
    audit_problem: str = ""
    provider_urls: dict[str, str] = field(default_factory=dict)
    unreadable_credentials: tuple[str, ...] = ()
    allowed_private: tuple[str, ...] = ()
    body_days: dict[str, int] = field(default_factory=dict)
    bodies_past_due: int = 0
    rails: tuple[Rail, ...] = ()
    rate_limits: int = 0
    alert_measures: tuple[str, ...] = ()
    alert_channels: int = 0
    undelivered_alerts: int = 0
    failed_auth: int = 0
    route_targets: dict[str, int] = field(default_factory=dict)
    served_unknown: tuple[str, ...] = ()
    scored_share: float | None = None
    compared_at: datetime | None = None
    differences: int | None = None
    quarantined: int = 0
    ledger_retention_days: int = 0
    secure_cookies: bool = False
    debug: bool = False
    any_host: bool = False
    lockout_after: int = 0
