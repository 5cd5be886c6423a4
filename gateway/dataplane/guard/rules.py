"""Guardrails in the snapshot: by organization and project, ready to run."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from cryptography.fernet import InvalidToken

from gateway import credentials
from gateway.dataplane.upstream import Origin
from gateway.guardrails.rails import BOTH, INPUT, OUTPUT, WEBHOOK, Rail, build_check

logger = logging.getLogger(__name__)
RAILS_SQL = """
SELECT id::text, organization_id::text, coalesce(project_id::text, ''), name, kind, direction, action, config, secret,
       updated_at::text
FROM gateway_guardrail WHERE is_enabled ORDER BY position, created_at
"""
DEFAULT_TIMEOUT_MS = 1_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """A guardrail that somebody else runs. `secret` signs the request; `fails_open`: their silence lets calls pass."""

    id: str
    name: str
    action: str
    origin: Origin
    path: str
    timeout_s: float
    fails_open: bool
    secret: str


@dataclass(slots=True)
class Rules:
    """What is in force for one organization or project, in order. `version` changes whenever any of it does."""

    into: list[Rail] = field(default_factory=list)
    back: list[Rail] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    reviews: list[Webhook] = field(default_factory=list)
    """Webhooks that are asked about answers."""
    stamps: list[str] = field(default_factory=list)
    _version: str = ""

    @property
    def version(self) -> str:
        """Worked out when the first call asks: by then the rules are complete."""
        if not self._version:
            self._version = hashlib.sha256("|".join(self.stamps).encode()).hexdigest()[:16]
        return self._version

    def with_(self, other: "Rules") -> "Rules":
        """The organization's rules, then the project's."""
        return Rules(
            self.into + other.into, self.back + other.back, self.webhooks + other.webhooks,
            self.reviews + other.reviews, self.stamps + other.stamps,
        )  # fmt: skip


NONE = Rules()
AllRules = Mapping[tuple[str, str], Rules]


class RulesLoader:
    """`(organization, project or "") → Rules` for `snapshot.extras["guardrails"]`; a project's hold both."""

    name = "guardrails"
    entities = frozenset({"guardrail"})

    def load(self, connection: psycopg.Connection[Any]) -> AllRules:
        own: dict[tuple[str, str], Rules] = {}
        for row in connection.execute(RAILS_SQL).fetchall():
            _add(own.setdefault((row[1], row[2]), Rules()), row)
        return {
            place: own.get((place[0], ""), NONE).with_(rules) if place[1] else rules for place, rules in own.items()
        }


def _add(rules: Rules, row: Sequence[Any]) -> None:
    identity, _, _, name, kind, direction, action, config, secret, changed = row
    rules.stamps.append(f"{identity}@{changed}")
    try:
        if kind == WEBHOOK:
            hook = _webhook(identity, name, action, config, secret)
            rules.webhooks += [hook] if direction in (INPUT, BOTH) else []
            rules.reviews += [hook] if direction in (OUTPUT, BOTH) else []
            return
        rail = Rail(identity, name, kind, action, build_check(kind, config))
    except (ValueError, InvalidToken) as error:  # checked when it was saved; written around the services
        logger.error("guardrail %s cannot run: %s", identity, error)
        return
    if direction in (INPUT, BOTH):
        rules.into.append(rail)
    if direction in (OUTPUT, BOTH):
        rules.back.append(rail)


def _webhook(identity: str, name: str, action: str, config: Mapping[str, Any], secret: bytes | None) -> Webhook:
    origin, path = Origin.of(config["url"])
    return Webhook(
        identity, name, action, origin, path or "/", config.get("timeout_ms", DEFAULT_TIMEOUT_MS) / 1000,
        bool(config.get("fails_open", False)), credentials.decrypt(secret) if secret else "",
    )  # fmt: skip


def rules_for(found: AllRules, organization: str, project: str) -> Rules:
    return found.get((organization, project)) or found.get((organization, "")) or NONE
