"""SQL that reads the configuration for the snapshot. Plain psycopg: the data plane has no ORM."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
from cryptography.fernet import InvalidToken
from django.conf import settings

from gateway import credentials
from gateway.dataplane.preload import preload
from gateway.dataplane.routing.parse import PolicyError, policy_of
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import (
    NO_TARGET,
    PLATFORM,
    ROUTE_MISCONFIGURED,
    Catalog,
    KeyView,
    ProviderView,
    Target,
)
from gateway.provideroptions import azure_credential, price_region

logger = logging.getLogger(__name__)
Connection = psycopg.Connection[Any]

KEYS_SQL = """
SELECT k.digest, k.id::text, k.organization_id::text, k.project_id::text, p.team_id::text, k.user_id::text,
       k.scopes, k.allowed_models, k.rpm_limit, k.tpm_limit, k.budget_amount, k.expires_at,
       o.fails_closed, coalesce(k.lineage_id, k.id)::text
FROM gateway_virtualkey k
JOIN gateway_project p ON p.id = k.project_id
JOIN gateway_organization o ON o.id = k.organization_id
LEFT JOIN gateway_user u ON u.id = k.user_id
WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
  AND p.archived_at IS NULL AND o.archived_at IS NULL AND (u.id IS NULL OR u.is_active)
"""
PROVIDERS_SQL = """
SELECT id::text, slug, kind, price_list, base_url, credential, connect_timeout_ms, first_byte_timeout_ms,
       idle_timeout_ms, total_timeout_ms, options
FROM gateway_provider WHERE is_enabled
"""
MODELS_SQL = """
SELECT id::text, coalesce(organization_id::text, ''), name, upstream_name, provider_id::text,
       extract(epoch FROM created_at)::bigint, max_output_tokens, capabilities, context_tokens
FROM gateway_model WHERE is_enabled ORDER BY id
"""
ROUTES_SQL = """
SELECT coalesce(r.organization_id::text, ''), r.alias, t.model_id::text, t.priority, t.weight, r.drop_unsupported
FROM gateway_route r JOIN gateway_routetarget t ON t.route_id = r.id
WHERE r.is_enabled ORDER BY t.priority, t.weight DESC, t.id
"""
POLICIES_SQL = """
SELECT coalesce(organization_id::text, ''), alias, strategy, config, retries, deadline_ms, hedge_after_ms, output_cap
FROM gateway_route WHERE is_enabled
"""


def version(connection: Connection) -> int:
    row = connection.execute("SELECT version FROM gateway_configversion WHERE id = 1").fetchone()
    return row[0] if row else 0


def changes(connection: Connection, since: int, limit: int) -> list[tuple[str, str]]:
    """`(entity, id)` of every change after version `since`."""
    rows = connection.execute(
        "SELECT entity, entity_id FROM gateway_configchange WHERE version > %s ORDER BY version LIMIT %s",
        [since, limit],
    )
    return [(row[0], row[1]) for row in rows]


def keys(connection: Connection, column: str = "", ids: Sequence[str] = ()) -> list[tuple[bytes, KeyView]]:
    """Usable keys; `column` (one of the keeper's constants) and `ids` narrow them."""
    narrow = f" AND {column} = ANY(%s::uuid[])" if column else ""
    rows = connection.execute(KEYS_SQL + narrow, [list(ids)] if column else None)
    return [(bytes(row[0]), _key(row)) for row in rows]


def key_ids(connection: Connection, column: str, ids: Sequence[str]) -> list[str]:
    rows = connection.execute(
        f"SELECT k.id::text FROM gateway_virtualkey k WHERE {column} = ANY(%s::uuid[])", [list(ids)]
    )
    return [row[0] for row in rows]


def _key(row: Sequence[Any]) -> KeyView:
    scopes, models = frozenset(row[6]), frozenset(row[7])
    return KeyView(row[1], row[2], row[3], row[4], row[5], scopes, models, *row[8:14])


def allowed_upstreams(connection: Connection) -> frozenset[str]:
    rows = connection.execute("SELECT host, port FROM gateway_allowedupstream")
    return frozenset([*(f"{row[0]}:{row[1]}" for row in rows), *settings.GATEWAY_PRIVATE_UPSTREAMS])


def catalog(connection: Connection) -> Catalog:
    """Enabled models and routes whose provider is enabled and readable. Routes that lead nowhere are kept as such."""
    providers = {row[0]: view for row in connection.execute(PROVIDERS_SQL) if (view := _provider(row))}
    found = Catalog()
    by_id: dict[str, Target] = {}
    for row in connection.execute(MODELS_SQL):
        identity, owner, name, upstream_name, provider, created, longest, able, context = row
        if provider in providers:
            target = Target(name, upstream_name, providers[provider], created, longest, capabilities=frozenset(able),
                            context_tokens=context)  # fmt: skip
            by_id[identity] = target
            found.models[(owner or PLATFORM, name)] = (*found.models.get((owner or PLATFORM, name), ()), target)
    _add_policies(connection, found)
    for owner, alias, model, priority, weight, drops in connection.execute(ROUTES_SQL):
        key = (owner or PLATFORM, alias)
        if (base := by_id.get(model)) and key in found.policies:
            target = replace(base, priority=priority, weight=weight, drop_unsupported=drops)
            found.routes[key] = (*found.routes.get(key, ()), target)
    for key in found.policies.keys() - found.routes.keys():
        found.unusable[key] = NO_TARGET
    return found


def _add_policies(connection: Connection, found: Catalog) -> None:
    """A route that was written around the services may say what nobody understands; then its name leads nowhere: a rule
    with `only` that is left out would send calls where they must not go, and so would another row of that name."""
    for owner, alias, strategy, config, *numbers in connection.execute(POLICIES_SQL):
        key = (owner or PLATFORM, alias)
        try:
            found.policies[key] = policy_of(alias, strategy, config, *numbers)
        except PolicyError as error:
            logger.error("route %s is unusable: %s: %s", alias, error.field, error)
            found.unusable[key] = ROUTE_MISCONFIGURED


def _provider(row: Sequence[Any]) -> ProviderView | None:
    identity, slug, kind, price_list, base_url, credential, *timeouts, options = row
    try:
        origin, prefix = Origin.of(base_url)
        secret = credentials.decrypt(credential) if credential else ""
        if kind == "azure":
            secret = azure_credential(secret).api_key  # what manages the resource is not for calls
    except (ValueError, InvalidToken):
        logger.error("provider %s is unusable: its URL or credential cannot be read", slug)
        return None
    seconds = Timeouts(*(value / 1000 for value in timeouts))
    preload(kind)
    region = price_region(kind, base_url, options or {})
    return ProviderView(
        identity, slug, kind, price_list or kind, origin, prefix, secret, seconds, options or {}, region
    )
