"""A route's JSON configuration ⇄ `Policy`. Everything is checked: what this accepts, the data plane can decide by.

{"weights": {"cost": 0.7, "latency": 0.3}, "overrides": ["cost-optimized"], "sticky": "end_user",
 "retry": {"base_ms": 250, "cap_ms": 8000, "on": ["connection", "timeout", "rate_limit", "server_error"]},
 "rules": [{"name": "long", "when": {"min_prompt_tokens": 8000}, "use": [{"provider": "anthropic"}], "only": false},
           {"name": "canary", "by": "end_user", "split": [{"name": "control", "weight": 95, "use": [{"model": "a"}]},
                                                          {"name": "canary", "weight": 5, "use": [{"model": "b"}]}]}]}
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.routing.languages import LANGUAGES
from gateway.dataplane.routing.policy import (
    CONTENT,
    IDENTITIES,
    MODALITIES,
    PREFERENCE,
    RETRYABLE_KINDS,
    STRATEGIES,
    WEIGHTED,
    Policy,
    Retry,
    Rule,
    Selector,
    TagCondition,
    Variant,
    Weights,
    When,
)

MAX_RULES = 50
MAX_LISTED = 200
MAX_VARIANTS = 10
MAX_TEXT = 200
MAX_PROMPT_TOKENS = 100_000_000
LONGEST_PAUSE_MS = 60_000
Json = Mapping[str, Any]


class PolicyError(ValueError):
    """The configuration is not usable; `field` is the path of the part, such as `config.rules[0].when.languages`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse(config: object, *, strategy: str, field: str = "config", **columns: Any) -> Policy:
    """The policy of a row: its JSON `config`, its `strategy`, and columns of the same names as in `Policy`.

    Column `retries` is how often targets are repeated. Raises `PolicyError`.
    """
    if strategy not in STRATEGIES:
        raise PolicyError("strategy", f"There is no strategy '{strategy}'; there are {', '.join(STRATEGIES)}.")
    body = _object(config, field, ("weights", "rules", "overrides", "sticky", "retry"))
    rules = tuple(
        _rule(item, f"{field}.rules[{n}]") for n, item in enumerate(_list(body, "rules", field, MAX_RULES))
    )  # fmt: skip
    weights = _weights(body.get("weights"), f"{field}.weights")
    _check_strategy(strategy, weights, rules, field)
    return Policy(
        strategy=strategy,
        weights=weights or Weights(),
        rules=rules,
        overrides=_overrides(body.get("overrides"), f"{field}.overrides"),
        sticky=_sticky(body.get("sticky"), f"{field}.sticky"),
        retry=_retry(body.get("retry"), f"{field}.retry", columns.pop("retries", 0)),
        **columns,
    )


def policy_of(
    alias: str,
    strategy: str,
    config: object,
    retries: int = 0,
    deadline_ms: int | None = None,
    hedge_after_ms: int | None = None,
    output_cap: int | None = None,
) -> Policy:
    """The policy of a route's columns. Raises `PolicyError`."""
    return parse(
        config,
        strategy=strategy,
        alias=alias,
        retries=retries,
        deadline_s=None if deadline_ms is None else deadline_ms / 1000,
        hedge_after_s=None if hedge_after_ms is None else hedge_after_ms / 1000,
        output_cap=output_cap,
    )


def selectors_of(policy: Policy) -> list[tuple[str, Selector]]:
    """Every selector with its path, for the check that each picks one of the route's targets."""
    found = []
    for n, rule in enumerate(policy.rules):
        found += [(f"config.rules[{n}].use[{m}]", selector) for m, selector in enumerate(rule.use)]
        for v, variant in enumerate(rule.split):
            found += [
                (f"config.rules[{n}].split[{v}].use[{m}]", selector) for m, selector in enumerate(variant.use)
            ]  # fmt: skip
    return found


def _check_strategy(strategy: str, weights: Weights | None, rules: tuple[Rule, ...], field: str) -> None:
    if strategy == WEIGHTED and (weights is None or not weights.total):
        raise PolicyError(f"{field}.weights", "The strategy 'weighted' needs weights, at least one above 0.")
    if weights is not None and strategy != WEIGHTED:
        raise PolicyError(f"{field}.weights", f"Weights belong to the strategy 'weighted', not to '{strategy}'.")
    if strategy == CONTENT and not any(rule.when.asks_content for rule in rules):
        raise PolicyError(f"{field}.rules", "The strategy 'content-based' needs a rule that asks for content.")
    if strategy == PREFERENCE and not any(rule.when.asks_people for rule in rules):
        raise PolicyError(f"{field}.rules", "The strategy 'preference' needs a rule that asks who calls.")


# ---- parts -------------------------------------------------------------------------------------------------------
def _weights(value: object, field: str) -> Weights | None:
    if value is None:
        return None
    body = _object(value, field, ("cost", "latency", "load", "quality"))
    return Weights(**{name: _number(body[name], f"{field}.{name}", 0, 1) for name in body})


def _overrides(value: object, field: str) -> frozenset[str] | None:
    if value is None:
        return None
    names = _texts({"overrides": value}, "overrides", field.rpartition(".")[0], None)
    for name in names:
        if name not in STRATEGIES or name == WEIGHTED:
            raise PolicyError(field, f"'{name}' is not a strategy that a caller could ask for.")
    return names


def _sticky(value: object, field: str) -> str | None:
    return None if value is None else _one_of(value, field, IDENTITIES)


def _retry(value: object, field: str, attempts: int) -> Retry:
    body = _object({} if value is None else value, field, ("base_ms", "cap_ms", "on"))
    base = _number(body.get("base_ms", 250), f"{field}.base_ms", 0, LONGEST_PAUSE_MS)
    cap = _number(body.get("cap_ms", 8_000), f"{field}.cap_ms", 0, LONGEST_PAUSE_MS)
    if cap < base:
        raise PolicyError(f"{field}.cap_ms", "The longest pause is shorter than the first.")
    kinds = _texts(body, "on", field, RETRYABLE_KINDS) if "on" in body else frozenset(RETRYABLE_KINDS)
    return Retry(attempts, int(base), int(cap), kinds)


def _rule(value: object, field: str) -> Rule:
    body = _object(value, field, ("name", "when", "use", "only", "split", "by"))
    name = _text(body.get("name"), f"{field}.name")
    use = _selectors(body, field)
    variants = _list(body, "split", field, MAX_VARIANTS)
    split = tuple(_variant(item, f"{field}.split[{n}]") for n, item in enumerate(variants))
    if bool(use) == bool(split):
        raise PolicyError(field, "A rule has either 'use' or 'split'.")
    if split and not sum(variant.weight for variant in split):
        raise PolicyError(f"{field}.split", "At least one variant needs a weight above 0.")
    if len({variant.name for variant in split}) < len(split):
        raise PolicyError(f"{field}.split", "Two variants have the same name.")
    if "by" in body and not split:
        raise PolicyError(f"{field}.by", "'by' belongs to a split.")
    only = body.get("only", False)
    if not isinstance(only, bool):
        raise PolicyError(f"{field}.only", "Must be true or false.")
    by = _one_of(body.get("by", "end_user"), f"{field}.by", IDENTITIES)
    return Rule(name, _when(body.get("when"), f"{field}.when"), use, only, split, by)


def _variant(value: object, field: str) -> Variant:
    body = _object(value, field, ("name", "weight", "use"))
    weight = _number(body.get("weight"), f"{field}.weight", 0, 1_000_000)
    use = _selectors(body, field)
    if not use:
        raise PolicyError(f"{field}.use", "A variant needs targets.")
    return Variant(_text(body.get("name"), f"{field}.name"), weight, use)


def _selectors(body: Json, field: str) -> tuple[Selector, ...]:
    found = []
    for n, item in enumerate(_list(body, "use", field, MAX_LISTED)):
        path = f"{field}.use[{n}]"
        parts = _object(item, path, ("provider", "model"))
        if not parts:
            raise PolicyError(path, "Names a provider, a model, or both.")
        found.append(Selector(**{name: _text(value, f"{path}.{name}") for name, value in parts.items()}))
    return tuple(found)


_SETS: dict[str, tuple[str, ...] | None] = {
    "modalities": MODALITIES, "languages": LANGUAGES, "endpoints": tuple(ENDPOINTS), "users": None, "teams": None,
    "projects": None, "api_keys": None, "end_users": None,
}  # fmt: skip


def _when(value: object, field: str) -> When:
    names = ("min_prompt_tokens", "max_prompt_tokens", "tools", "streaming", "tags", *_SETS)
    body = _object({} if value is None else value, field, names)
    found: dict[str, Any] = {name: _texts(body, name, field, allowed) for name, allowed in _SETS.items()}
    for name in ("min_prompt_tokens", "max_prompt_tokens"):
        if body.get(name) is not None:
            found[name] = int(_number(body[name], f"{field}.{name}", 0, MAX_PROMPT_TOKENS))
    for name in ("tools", "streaming"):
        if body.get(name) is not None:
            if not isinstance(body[name], bool):
                raise PolicyError(f"{field}.{name}", "Must be true or false.")
            found[name] = body[name]
    found["tags"] = tuple(
        _tag(item, f"{field}.tags[{n}]") for n, item in enumerate(_list(body, "tags", field, MAX_LISTED))
    )
    return When(**found)


def _tag(value: object, field: str) -> TagCondition:
    body = _object(value, field, ("key", "values"))
    return TagCondition(_text(body.get("key"), f"{field}.key"), _texts(body, "values", field, None))


# ---- JSON values -----------------------------------------------------------------------------------------------------
def _object(value: object, field: str, names: tuple[str, ...]) -> Json:
    if not isinstance(value, dict):
        raise PolicyError(field, "Must be an object.")
    if unknown := sorted(set(value) - set(names)):
        raise PolicyError(field, f"There is no setting '{unknown[0]}' here; there are {', '.join(names)}.")
    return value


def _list(body: Json, name: str, field: str, limit: int) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise PolicyError(f"{field}.{name}", "Must be a list.")
    if len(value) > limit:
        raise PolicyError(f"{field}.{name}", f"At most {limit} entries.")
    return value


def _texts(body: Json, name: str, field: str, allowed: tuple[str, ...] | None) -> frozenset[str]:
    path = f"{field}.{name}"
    check: Callable[[object, str], str] = _text
    if allowed is not None:
        choices = allowed

        def check(value: object, field: str) -> str:
            return _one_of(value, field, choices)

    return frozenset(check(item, f"{path}[{n}]") for n, item in enumerate(_list(body, name, field, MAX_LISTED)))


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise PolicyError(field, f"Must be a text of 1 to {MAX_TEXT} characters.")
    return value


def _one_of(value: object, field: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise PolicyError(field, f"Must be one of {', '.join(allowed)}.")
    return value


def _number(value: object, field: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PolicyError(field, f"Must be a number from {low} to {high}.")
    return value
