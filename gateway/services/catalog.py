"""Providers, models, routes and the list of allowed private upstreams.

An organization's row wins over the platform-wide one (organization None). Credentials go in, never out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, models, transaction

from gateway import credentials, outbound, provideroptions
from gateway.choices import ProviderKind
from gateway.models import AllowedUpstream, Model, Organization, Provider, Route, RouteTarget
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields
from gateway.services.route_policies import check_policy, models_of

PROVIDER_FIELDS = (
    "name", "kind", "price_list", "base_url", "options", "is_enabled",
    "connect_timeout_ms", "first_byte_timeout_ms", "idle_timeout_ms", "total_timeout_ms",
)  # fmt: skip
MODEL_FIELDS = ("name", "upstream_name", "capabilities", "context_tokens", "max_output_tokens", "is_enabled")
ROUTE_FIELDS = (
    "alias", "description", "is_enabled", "strategy", "config", "retries", "deadline_ms", "hedge_after_ms",
    "output_cap", "drop_unsupported",
)  # fmt: skip
MAX_TARGETS = 50
_ROUTE_NUMBERS = ("strategy", "retries", "deadline_ms", "hedge_after_ms", "output_cap")


class ProviderFields(TypedDict, total=False):
    """What may be changed on a provider; `credential` is plain text and is stored encrypted, "" removes it."""

    name: str
    kind: str
    price_list: str
    base_url: str
    options: Mapping[str, object]
    is_enabled: bool
    connect_timeout_ms: int
    first_byte_timeout_ms: int
    idle_timeout_ms: int
    total_timeout_ms: int
    credential: str


class ModelTraits(TypedDict, total=False):
    """What a model is, apart from its public name."""

    upstream_name: str
    capabilities: Sequence[str]
    context_tokens: int | None
    max_output_tokens: int | None
    is_enabled: bool


class ModelFields(ModelTraits, total=False):
    """What may be changed on a model."""

    name: str


class RouteFields(TypedDict, total=False):
    """What may be changed on a route."""

    alias: str
    description: str
    is_enabled: bool
    strategy: str
    config: dict[str, Any]
    retries: int
    deadline_ms: int | None
    hedge_after_ms: int | None
    output_cap: int | None
    drop_unsupported: bool


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a route as the caller gives it: lower priority first, within one by weight."""

    model: Model
    priority: int = 0
    weight: int = 1


class Upserted(NamedTuple):
    """What an upsert command did; `allowed` is the private `host:port` it put on the allow-list, else empty."""

    row: Any
    created: bool
    allowed: str = ""


# ---- providers ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create_provider(
    *, organization: Organization | None, actor: Actor, slug: str, **fields: Unpack[ProviderFields]
) -> Provider:
    """Add an upstream. Raises `Invalid` (address), `Conflict` (slug in use)."""
    provider = Provider(organization=organization, slug=slug)
    _fill_provider(provider, fields)
    _insert(provider, "provider_exists", f"A provider with the slug {slug} exists.", field="slug")
    _audit(provider, actor, "provider.create", None, {"slug": slug, **_facts(provider, PROVIDER_FIELDS)})
    return provider


@transaction.atomic
def update_provider(*, provider: Provider, actor: Actor, **fields: Unpack[ProviderFields]) -> Provider:
    """Change an upstream; the audit row says that the credential changed, never what it is."""
    locked = _lock(provider)
    before = _provider_facts(locked)
    _fill_provider(locked, fields)
    _save_changed(locked, actor, "provider.update", before, _provider_facts(locked))
    return locked


@transaction.atomic
def delete_provider(*, provider: Provider, actor: Actor) -> None:
    """Remove an upstream that no model uses; its ledger lines stay. Raises `Conflict`."""
    locked = _lock(provider)
    if locked.models.exists():
        raise Conflict("provider_in_use", "Models use this provider; delete or move them first, or disable it.")
    _delete(locked, actor, "provider.delete", {"slug": locked.slug, **_facts(locked, PROVIDER_FIELDS)})


@transaction.atomic
def set_provider(
    *, organization: Organization | None, actor: Actor, slug: str, **fields: Unpack[ProviderFields]
) -> Upserted:
    """Create or update by slug, as the platform's operator: a private address goes on the allow-list."""
    allowed = ""
    if base_url := fields.get("base_url"):
        allowed = _allow_if_private(base_url, actor)
    existing = Provider.objects.filter(organization=organization, slug=slug).first()
    if existing:
        return Upserted(update_provider(provider=existing, actor=actor, **fields), False, allowed)
    fields.setdefault("name", slug)
    return Upserted(create_provider(organization=organization, actor=actor, slug=slug, **fields), True, allowed)


def _fill_provider(provider: Provider, fields: ProviderFields) -> None:
    for name in PROVIDER_FIELDS:
        if name in fields:
            setattr(provider, name, fields[name])  # type: ignore[literal-required]
    if "base_url" in fields:
        provider.base_url = checked_base_url(fields["base_url"])
    if "credential" in fields:
        secret = fields["credential"].strip()
        if not secret.isascii() or not secret.isprintable():
            raise Invalid(
                "credential_invalid", "The credential has characters a header cannot carry.", field="credential"
            )
        provider.credential = credentials.encrypt(secret) if secret else None
    if {"base_url", "kind"} & fields.keys():
        _check_path(provider)
    _check_options(provider, fields)


def _check_path(provider: Provider) -> None:
    """Behind `/v1` a server speaks OpenAI's format: a signed call looks like one without a key there."""
    if provider.kind == ProviderKind.BEDROCK and provider.base_url.endswith("/v1"):
        message = "Bedrock's address has no /v1; for its OpenAI-compatible one choose the kind openai-compatible."
        raise Invalid("url_invalid", message, field="base_url")


def _check_options(provider: Provider, fields: ProviderFields) -> None:
    """Options and credential must fit the kind and the address, whichever of them changed. Raises `Invalid`."""
    try:
        provider.options = provideroptions.checked(provider.kind, provider.options or {})
        if provider.kind == ProviderKind.BEDROCK:
            provideroptions.bedrock_region(outbound.split(provider.base_url)[1], provider.options)
            if fields.get("credential"):
                provideroptions.aws_credential(fields["credential"].strip())
        if provider.kind == ProviderKind.AZURE and fields.get("credential"):
            provideroptions.azure_credential(fields["credential"].strip())
    except provideroptions.OptionError as error:
        field = error.field if error.field == "credential" else "options"
        raise Invalid("option_invalid", str(error), field=field) from None


def checked_base_url(url: str) -> str:
    """The address without a trailing slash; raises `Invalid` when it is no plain http(s) URL or not reachable by
    policy (private, link-local, metadata …) and not allowed."""
    try:
        parts, host, port = outbound.split(url)
    except outbound.OutboundError as error:
        raise Invalid(error.code, error.message, field="base_url") from None
    if parts.query or parts.fragment:
        raise Invalid("url_invalid", "The address must not have a query or fragment.", field="base_url")
    _refuse_never_allowed(host, port, "base_url")
    if outbound.is_private(host, port) and not outbound.is_allowed(host, port):
        raise Invalid(
            "address_not_allowed",
            f"{host}:{port} is not a public address. An operator can allow it with `manage.py set_provider`.",
            field="base_url",
        )
    return url.rstrip("/")


def _allow_if_private(base_url: str, actor: Actor) -> str:
    try:
        _, host, port = outbound.split(base_url)
    except outbound.OutboundError as error:
        raise Invalid(error.code, error.message, field="base_url") from None
    _refuse_never_allowed(host, port, "base_url")
    if not outbound.is_private(host, port) or outbound.is_allowed(host, port):
        return ""
    allow_upstream(actor=actor, host=host, port=port, note="added with set_provider")
    return f"{host}:{port}"


@transaction.atomic
def allow_upstream(*, actor: Actor, host: str, port: int, note: str = "") -> AllowedUpstream:
    """Let outbound calls reach one private address. A platform-wide decision, for operators alone.

    Raises `Invalid` for link-local addresses and metadata services.
    """
    _refuse_never_allowed(host, port, "host")
    allowed, created = AllowedUpstream.objects.get_or_create(host=host, port=port, defaults={"note": note})
    if created:
        _audit(allowed, actor, "allowed_upstream.create", None, {"host": host, "port": port, "note": note})
    return allowed


def _refuse_never_allowed(host: str, port: int, field: str) -> None:
    if outbound.leads_nowhere(host, port):
        raise Invalid("address_never_allowed", outbound.never_allowed(host, port), field=field)


@transaction.atomic
def forbid_upstream(*, allowed: AllowedUpstream, actor: Actor) -> None:
    """Take a private address off the list; calls to it are refused from then on."""
    _delete(allowed, actor, "allowed_upstream.delete", {"host": allowed.host, "port": allowed.port})


# ---- models ------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_model(
    *, organization: Organization | None, actor: Actor, provider: Provider, **fields: Unpack[ModelFields]
) -> Model:
    """Offer a model of a provider. Raises `Invalid`, `Conflict` (name in use)."""
    if provider.organization_id not in (None, organization.pk if organization else None):
        raise Invalid("provider_not_found", "No such provider in this organization.", field="provider")
    model = Model(organization=organization, provider=provider)
    _fill(model, fields, MODEL_FIELDS)
    model.upstream_name = model.upstream_name or model.name
    _insert(model, "model_exists", f"{provider} has a model {model.name} already.", field="name")
    facts = {"provider": provider.pk, **_facts(model, MODEL_FIELDS)}
    _audit(model, actor, "model.create", None, facts)
    return model


@transaction.atomic
def update_model(*, model: Model, actor: Actor, **fields: Unpack[ModelFields]) -> Model:
    """Change a model."""
    locked = _lock(model)
    before = _facts(locked, MODEL_FIELDS)
    _fill(locked, fields, MODEL_FIELDS)
    _save_changed(locked, actor, "model.update", before, _facts(locked, MODEL_FIELDS))
    return locked


@transaction.atomic
def delete_model(*, model: Model, actor: Actor) -> None:
    """Remove a model that no route targets. Raises `Conflict`."""
    locked = _lock(model)
    if locked.route_targets.exists():
        raise Conflict("model_in_use", "Routes target this model; change them first, or disable it.")
    _delete(locked, actor, "model.delete", _facts(locked, MODEL_FIELDS))


@transaction.atomic
def add_model(
    *, organization: Organization | None, actor: Actor, provider: Provider, name: str, **fields: Unpack[ModelTraits]
) -> Upserted:
    """Create or update by (organization, provider, name)."""
    existing = Model.objects.filter(organization=organization, provider=provider, name=name).first()
    if existing:
        return Upserted(update_model(model=existing, actor=actor, **fields), False)
    model = create_model(organization=organization, actor=actor, provider=provider, name=name, **fields)
    return Upserted(model, True)


# ---- routes ------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_route(
    *, organization: Organization | None, actor: Actor, targets: Sequence[Target], **fields: Unpack[RouteFields]
) -> Route:
    """Add an alias with its targets. Raises `Invalid` (targets, strategy, config), `Conflict` (alias in use)."""
    route = Route(organization=organization)
    _fill(route, fields, ROUTE_FIELDS)
    _check_targets(organization.pk if organization else None, targets)
    check_fields(route, *_ROUTE_NUMBERS)
    check_policy(route, models_of(targets))
    _insert(route, "route_exists", f"A route {route.alias} exists.", field="alias")
    _write_targets(route, targets)
    _audit(route, actor, "route.create", None, {**_facts(route, ROUTE_FIELDS), "targets": _target_facts(targets)})
    return route


@transaction.atomic
def update_route(
    *, route: Route, actor: Actor, targets: Sequence[Target] | None = None, **fields: Unpack[RouteFields]
) -> Route:
    """Change a route; `targets` replaces all of them, None leaves them. Raises `Invalid`, `Conflict`."""
    locked = _lock(route)
    before = _facts(locked, ROUTE_FIELDS)
    _fill(locked, fields, ROUTE_FIELDS)
    after = _facts(locked, ROUTE_FIELDS)
    if targets is not None:
        _check_targets(locked.organization_id, targets)
        before["targets"] = _target_facts(list(locked.targets.all()))
        after["targets"] = _target_facts(targets)
        if before["targets"] != after["targets"]:
            locked.targets.all().delete()
            _write_targets(locked, targets)
    if before != after:
        check_fields(locked, *_ROUTE_NUMBERS)
        check_policy(locked, models_of(targets or locked.targets.select_related("model__provider")))
    _save_changed(locked, actor, "route.update", before, after, virtual=("targets",))
    return locked


@transaction.atomic
def delete_route(*, route: Route, actor: Actor) -> None:
    """Remove an alias."""
    locked = _lock(route)
    facts = {**_facts(locked, ROUTE_FIELDS), "targets": _target_facts(list(locked.targets.all()))}
    _delete(locked, actor, "route.delete", facts)


def _check_targets(organization_id: UUID | None, targets: Sequence[Target]) -> None:
    if not 1 <= len(targets) <= MAX_TARGETS:
        raise Invalid("targets_count", f"A route has 1 to {MAX_TARGETS} targets.", field="targets")
    if len({target.model.pk for target in targets}) < len(targets):
        raise Invalid("target_repeated", "A model can be a target once.", field="targets")
    if any(target.model.organization_id not in (None, organization_id) for target in targets):
        raise Invalid("model_not_found", "No such model in this organization.", field="targets")


def _write_targets(route: Route, targets: Sequence[Target]) -> None:
    RouteTarget.objects.bulk_create(
        RouteTarget(route=route, model=target.model, priority=target.priority, weight=target.weight)
        for target in targets
    )


def _target_facts(targets: Sequence[Target] | Sequence[RouteTarget]) -> list[dict[str, Any]]:
    rows = [
        {"model": str(target.model.pk if isinstance(target, Target) else target.model_id),
         "priority": target.priority, "weight": target.weight}
        for target in targets
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["priority"], -row["weight"], row["model"]))


# ---- shared ------------------------------------------------------------------------------------------------------


def _provider_facts(provider: Provider) -> dict[str, Any]:
    stored = bytes(provider.credential) if provider.credential else b""
    return {**_facts(provider, PROVIDER_FIELDS), "credential": stored}


def _facts(row: models.Model, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _fill(row: models.Model, fields: Any, names: Sequence[str]) -> None:
    for name in names:
        if name in fields:
            value = fields[name]
            setattr(row, name, list(value) if name == "capabilities" else value)


def _lock(row: Any) -> Any:
    return row.__class__._default_manager.select_for_update(of=("self",)).get(pk=row.pk)


def _insert(row: models.Model, code: str, message: str, *, field: str) -> None:
    check_fields(row, field, "name", "upstream_name", "kind", "context_tokens", "max_output_tokens")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Conflict(code, message, field=field) from None


def _save_changed(
    row: Any, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any], virtual: Sequence[str] = ()
) -> None:
    old, new = audit.differences(before, after)
    if not new:
        return
    columns = [name for name in new if name not in virtual]
    check_fields(row, *columns)
    try:
        with transaction.atomic():
            row.save(update_fields=[*columns, "updated_at"])
    except IntegrityError:
        raise Conflict("name_in_use", f"Another {row._meta.verbose_name} has this name.") from None
    if "credential" in new:
        old["credential"], new["credential"] = _presence(old["credential"]), _presence(new["credential"])
    _audit(row, actor, verb, old, new)


def _presence(stored: bytes) -> str:
    return "set" if stored else "none"


def _delete(row: Any, actor: Actor, verb: str, facts: dict[str, Any]) -> None:
    _audit(row, actor, verb, facts, None)
    row.delete()


def _audit(row: Any, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    organization = getattr(row, "organization", None)
    audit.record(organization=organization, actor=actor, verb=verb, target=row, before=before, after=after)
