"""The stages a call passes before its first attempt. Each takes `(call, runtime)`, returns nothing, or raises.

They read memory only. The list is `settings.GATEWAY_STAGES`; an app adds its own by dotted path.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway import credentials
from gateway.choices import Scope
from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError, Denied
from gateway.dataplane.routing.decision import NO_CHOICE, choose, decide
from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.policy import StrategyRefused
from gateway.dataplane.signals import LiveSignals
from gateway.dataplane.views import NO_TARGET, KeyView

if TYPE_CHECKING:
    from gateway.dataplane.runtime import Runtime

STRATEGY_HEADER = b"x-gateway-route"


@lru_cache(maxsize=8192)
def _digests(secret: str) -> tuple[bytes, ...]:
    return tuple(credentials.candidate_digests(secret))


def presented_secret(call: Call) -> str:
    """The key from `Authorization: Bearer …` or `x-api-key`. Raises 401 without one."""
    header = call.headers.get(b"authorization")
    if header is not None:
        scheme, _, secret = header.decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and secret.strip():
            return secret.strip()
    elif api_key := call.headers.get(b"x-api-key"):
        return api_key.decode("latin-1").strip()
    raise _unauthorized("No API key was given. Send it as 'Authorization: Bearer <key>'.")


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "invalid_api_key", message, kind="authentication_error",
                    headers={"WWW-Authenticate": "Bearer"})  # fmt: skip


def identify(call: Call, runtime: "Runtime") -> KeyView:
    """Find the key; unknown, revoked, expired and foreign keys look the same to the caller (401)."""
    secret = presented_secret(call)
    if (
        runtime.snapshot.version < 0
    ):  # started while the database is away: no key is known, which is not the caller's fault
        raise _stale("The gateway has not read its configuration yet.")
    for digest in _digests(secret):
        key = runtime.snapshot.keys.get(digest)
        if key is not None and (key.expires_at is None or key.expires_at > datetime.now(UTC)):
            break
    else:
        runtime.count_refused(call, secret)
        raise _unauthorized("The API key is not valid. It may be mistyped, expired or revoked.")
    call.key = key
    if key.fails_closed and runtime.snapshot_age() > runtime.stale_after_s:
        raise _stale("The gateway cannot confirm its configuration, and this organization refuses calls then.")
    return key


def _stale(message: str) -> ApiError:
    return ApiError(503, "configuration_stale", message, kind="api_error", headers={"Retry-After": "5"})


def authenticate(call: Call, runtime: "Runtime") -> None:
    """The caller's key, which must be one that may call models."""
    key = identify(call, runtime)
    if Scope.INFERENCE.value not in key.scopes:
        raise Denied(403, "scope_missing", "This key may not call models (scope 'inference').", kind="permission_error")


def resolve(call: Call, runtime: "Runtime") -> None:
    """Name → the targets that may serve it, if the key may use it."""
    key = call.key
    assert key is not None
    catalog = runtime.snapshot.catalog
    candidates, policy = catalog.find(key.organization, call.model)
    unusable = None if candidates else catalog.why_unusable(key.organization, call.model)
    if not candidates and unusable is None:
        message = f"The model '{call.model}' does not exist or you do not have access to it."
        raise Denied(404, "model_not_found", message, param="model")
    if not key.may_use(call.model):
        raise Denied(403, "model_not_allowed", f"This key may not use the model '{call.model}'.",
                     kind="permission_error", param="model")  # fmt: skip
    if unusable is not None:
        raise _unusable(unusable, call.model)
    call.candidates, call.route, call.policy = candidates, policy.alias, policy
    if policy.output_cap is not None:
        call.output_cap = min(policy.output_cap, call.output_cap or policy.output_cap)
    if policy.rules or STRATEGY_HEADER in call.headers:
        _choose(call, runtime)


def _unusable(code: str, alias: str) -> Denied:
    """The answer for a route that leads nowhere; `code` as the catalogue says."""
    retry = {"Retry-After": "30"}
    if code == NO_TARGET:
        message = f"None of the targets of the route '{alias}' is available."
        return Denied(503, "no_target", message, kind="api_error", headers=retry)
    message = f"The stored configuration of the route '{alias}' cannot be used; an administrator must save it anew."
    return Denied(503, "route_misconfigured", message, kind="api_error", headers=retry)


def _choose(call: Call, runtime: "Runtime") -> None:
    """Rule, arm and strategy, before the cache is asked: what they lead to must not be served to others."""
    policy = call.policy
    call.strategy = _wished_strategy(call)
    call.choice = choose(Facts(call), policy, runtime.random)
    call.cache_marks.append(f"route\x00{call.strategy or ''}\x00{call.choice.mark}")


def _wished_strategy(call: Call) -> str | None:
    """`X-Gateway-Route`, when the route allows it; None without one. Raises 400."""
    header = call.headers.get(STRATEGY_HEADER)
    if header is None:
        return None
    try:
        return call.policy.override(header.decode("latin-1").strip().lower())
    except StrategyRefused as refused:
        message, param = str(refused), "X-Gateway-Route"
        if refused.code == "unknown_strategy":
            raise ApiError(400, "unknown_strategy", message, param=param) from None
        raise ApiError(400, "strategy_not_allowed", message, param=param) from None


def route(call: Call, runtime: "Runtime") -> None:
    """The candidates in the order in which they are tried. Raises 503 when a rule allows none of them."""
    candidates, policy = call.candidates, call.policy
    if len(candidates) == 1 and not policy.rules:
        call.targets = candidates
        return
    facts = Facts(call)
    if call.choice is None and policy.rules:
        call.choice = choose(facts, policy, runtime.random)
    decision = decide(
        facts, candidates, policy, LiveSignals(facts, runtime), runtime.random,
        choice=call.choice or NO_CHOICE, strategy=call.strategy,
    )  # fmt: skip
    if not decision.targets:
        message = f"The rule '{decision.rule}' allows only targets that are not available."
        raise Denied(503, "no_target", message, kind="api_error", headers={"Retry-After": "30"})
    call.targets, call.decision = decision.targets, decision.as_line()
