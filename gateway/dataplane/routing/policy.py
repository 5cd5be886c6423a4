"""What a route says: strategy, rules, weights, retries. Frozen dataclasses, read from the row's JSON by `parse`."""

from dataclasses import dataclass, field
from types import MappingProxyType

PRIORITY = "priority"
CONTENT = "content-based"
PREFERENCE = "preference"
WEIGHTED = "weighted"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each property of a target counts; 0 to 1 each, only their ratio matters."""

    cost: float = 0.0
    latency: float = 0.0
    load: float = 0.0
    quality: float = 0.0

    @property
    def total(self) -> float:
        return self.cost + self.latency + self.load + self.quality

    @property
    def is_live(self) -> bool:
        """Whether momentary figures decide: then two are drawn and the better one is taken, so that callers that see
        the same figures do not all run to the same target."""
        return self.latency + self.load > self.cost + self.quality


STRATEGIES = MappingProxyType(
    {
        PRIORITY: Weights(),
        "cost-optimized": Weights(cost=1.0),
        "latency-optimized": Weights(latency=1.0),
        "quality-optimized": Weights(quality=1.0),
        "load-balanced": Weights(load=1.0),
        CONTENT: Weights(),
        PREFERENCE: Weights(),
        WEIGHTED: Weights(),
    }
)
"""Presets of the one mechanism. `weighted` takes the route's own weights."""

IDENTITIES = ("end_user", "api_key", "session")
MODALITIES = ("text", "image", "audio", "file")
RETRYABLE_KINDS = ("connection", "timeout", "rate_limit", "server_error")
ANYTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selector:
    """Targets by provider, by model, or both; None matches any."""

    provider: str | None = None
    model: str | None = None

    def picks(self, provider: str, model: str) -> bool:
        return self.provider in (None, provider) and self.model in (None, model)


@dataclass(frozen=True, slots=True)
class TagCondition:
    """The call carries tag `key` with one of `values`; without values: carries it at all."""

    key: str
    values: frozenset[str] = ANYTHING


@dataclass(frozen=True, slots=True)
class When:
    """Every condition given must hold; within one, any value will do. Empty: every call."""

    min_prompt_tokens: int | None = None
    max_prompt_tokens: int | None = None
    tools: bool | None = None
    streaming: bool | None = None
    modalities: frozenset[str] = ANYTHING
    languages: frozenset[str] = ANYTHING
    endpoints: frozenset[str] = ANYTHING
    tags: tuple[TagCondition, ...] = ()
    users: frozenset[str] = ANYTHING
    teams: frozenset[str] = ANYTHING
    projects: frozenset[str] = ANYTHING
    api_keys: frozenset[str] = ANYTHING
    end_users: frozenset[str] = ANYTHING

    @property
    def asks_content(self) -> bool:
        limits = (self.min_prompt_tokens, self.max_prompt_tokens, self.tools, self.streaming)
        return any(value is not None for value in limits) or bool(
            self.modalities or self.languages or self.endpoints or self.tags
        )

    @property
    def asks_people(self) -> bool:
        return bool(self.users or self.teams or self.projects or self.api_keys or self.end_users)


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment: a share of the callers goes to these targets."""

    name: str
    weight: float
    use: tuple[Selector, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """`use` (or the drawn variant's) targets come first; with `only` there are no others."""

    name: str
    when: When = field(default_factory=When)
    use: tuple[Selector, ...] = ()
    only: bool = False
    split: tuple[Variant, ...] = ()
    by: str = "end_user"


@dataclass(frozen=True, slots=True)
class Retry:
    """Repeating at targets that were tried already, once no untried one is left."""

    attempts: int = 0
    base_ms: int = 250
    cap_ms: int = 8_000
    on: frozenset[str] = frozenset(RETRYABLE_KINDS)


class StrategyRefused(ValueError):
    """A caller cannot have the strategy; `code` is the error's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Policy:
    """How a name's targets are used. The default is that of a model without a route."""

    alias: str | None = None
    strategy: str = PRIORITY
    weights: Weights = Weights()
    rules: tuple[Rule, ...] = ()
    overrides: frozenset[str] | None = None
    """Strategies that `X-Gateway-Route` may ask for; None: all."""
    sticky: str | None = None
    retry: Retry = Retry()
    deadline_s: float | None = None
    hedge_after_s: float | None = None
    output_cap: int | None = None

    def override(self, name: str) -> str | None:
        """A strategy that a caller asks for; None when it is the policy's own. Raises `StrategyRefused`."""
        if name == self.strategy:
            return None
        if name not in STRATEGIES or name == WEIGHTED:
            known = ", ".join(strategy for strategy in STRATEGIES if strategy != WEIGHTED)
            raise StrategyRefused("unknown_strategy", f"There is no strategy '{name}'; there are {known}.")
        if self.overrides is not None and name not in self.overrides:
            message = f"The route '{self.alias}' does not let callers ask for '{name}'."
            raise StrategyRefused("strategy_not_allowed", message)
        return name

    def weights_of(self, strategy: str) -> Weights:
        return self.weights if strategy == WEIGHTED else STRATEGIES[strategy]


DEFAULT = Policy()
