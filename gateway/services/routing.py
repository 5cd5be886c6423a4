"""Where a call to a route would go, and why: the data plane's own decision, on the figures it last reported."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from gateway.dataplane import adapters
from gateway.dataplane import call as call_module
from gateway.dataplane.breaker import CLOSED, OPEN
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.dataplane.errors import ApiError
from gateway.dataplane.protocols import Loader, Pricer
from gateway.dataplane.quality import LEAST_REQUESTS
from gateway.dataplane.routing import expected
from gateway.dataplane.routing.decision import Choice, Decision, Excluded, Ranked, choose, decide
from gateway.dataplane.routing.facts import Facts
from gateway.dataplane.routing.matcher import matching
from gateway.dataplane.routing.policy import Policy, StrategyRefused
from gateway.dataplane.routing.scorer import Price
from gateway.dataplane.signals import CIRCUIT_OPEN, QUALITY, price_of
from gateway.dataplane.upstream import Origin, Timeouts
from gateway.dataplane.views import KeyView, ProviderView, Target
from gateway.models import Organization, Route, RouteTarget, VirtualKey
from gateway.provideroptions import price_region
from gateway.services.deployments import Reported, reported
from gateway.services.errors import Invalid
from gateway.services.route_policies import policy_of_route

GREETING = {"messages": [{"role": "user", "content": "Hello!"}]}
Note = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A call to try; `body` is the request's JSON as text, empty for a greeting."""

    endpoint: str = "/v1/chat/completions"
    body: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    end_user: str = ""
    key: VirtualKey | None = None
    strategy: str | None = None


class SimulatedTarget(NamedTuple):
    """A target's place: `position` of its group of equals (None: not tried), `probability` of being tried first."""

    target: RouteTarget
    position: int | None
    probability: float
    reason: str
    ranked: Ranked | None
    circuit: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """The whole order, and what it was decided on."""

    route: Route
    is_usable: bool
    reason: str
    decision: Decision
    facts: Facts
    targets: list[SimulatedTarget]
    notes: list[Note]


def simulate(route: Route, organization: Organization | None, sample: Sample | None = None) -> Simulation:
    """Decide for `sample` as a data plane would now. Reads the targets, the heartbeats, prices and scores: at most six
    queries. Raises `Invalid` for a sample that could not be called with."""
    sample = sample or Sample()
    policy = policy_of_route(route)
    strategy = _strategy(policy, sample)
    facts = Facts(_call(route, organization, sample, policy))
    rows = list(route.targets.select_related("model__provider").order_by("priority", "-weight", "id"))
    views = {row.pk: _view(row, route) for row in rows if not _disabled(row)}
    signals = ReportedSignals(facts, *reported())
    decision = _decision(facts, list(views.values()), policy, signals, strategy)
    decision = _without_the_speechless(decision, facts.call)
    targets = _placed(rows, views, decision, signals)
    usable = sum(item.position is not None for item in targets)
    reason = f"{usable} of {len(rows)} targets can be tried."
    if not route.is_enabled:
        reason = "The route is disabled: a call to the alias finds no model."
    elif all(item.circuit == OPEN for item in targets if item.position is not None) and usable:
        reason = "Every target's circuit is open: a call is answered with 503 circuit_open."
    is_usable = route.is_enabled and usable > 0
    return Simulation(route, is_usable, reason, decision, facts, targets, _notes(decision, signals, facts))


# ---- the call --------------------------------------------------------------------------------------------------------
def _strategy(policy: Policy, sample: Sample) -> str | None:
    try:
        return policy.override(sample.strategy) if sample.strategy else None
    except StrategyRefused as refused:
        raise Invalid(refused.code, str(refused), field="strategy") from None


def _call(route: Route, organization: Organization | None, sample: Sample, policy: Policy) -> Call:
    """The sample as the data plane would parse it."""
    endpoint = ENDPOINTS[sample.endpoint]
    headers: dict[bytes, bytes] = {}
    if sample.tags:
        if any(separator in f"{key}{value}" for key, value in sample.tags.items() for separator in ",="):
            raise Invalid("tag_invalid", "A tag in X-Gateway-Tags has no comma and no equals sign.", field="tags")
        headers[b"x-gateway-tags"] = ",".join(f"{key}={value}" for key, value in sample.tags.items()).encode()
    if sample.end_user:
        headers[b"x-gateway-end-user"] = sample.end_user.encode()
    call = call_module.new_call(endpoint, headers, "127.0.0.1")
    try:
        call_module.parse(call, _body(route, sample, endpoint.required))
    except ApiError as error:
        raise Invalid(error.code, error.message, field="body") from None
    call.key = _key(organization, sample.key)
    call.policy, call.route, call.output_cap = policy, route.alias, policy.output_cap
    return call


def _body(route: Route, sample: Sample, required: str) -> bytes:
    try:
        given = orjson.loads(sample.body) if sample.body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Invalid("invalid_json", f"The body is not valid JSON: {error}.", field="body") from None
    if not isinstance(given, dict):
        raise Invalid("invalid_json", "The body must be a JSON object.", field="body")
    default: dict[str, Any] = GREETING if required == "messages" else {required: "Hello!"} if required else {}
    return orjson.dumps({**(given or default), "model": route.alias})


def _key(organization: Organization | None, key: VirtualKey | None) -> KeyView:
    owner = str(organization.pk) if organization is not None else ""
    if key is None:
        return KeyView("", owner, "", None, None, frozenset(), frozenset(), None, None, None, None)
    team, user = key.project.team_id, key.user_id
    return KeyView(str(key.pk), str(key.organization_id), str(key.project_id), str(team) if team else None,
                   str(user) if user else None, frozenset(), frozenset(), None, None, None, None)  # fmt: skip


# ---- targets ---------------------------------------------------------------------------------------------------------
def _disabled(row: RouteTarget) -> str:
    if not row.model.is_enabled:
        return f"Never tried: the model {row.model.name} is disabled."
    if not row.model.provider.is_enabled:
        return f"Never tried: the provider {row.model.provider.slug} is disabled."
    return ""


def _view(row: RouteTarget, route: Route) -> Target:
    """As the snapshot has it, but without the credential."""
    model, provider = row.model, row.model.provider
    origin, prefix = Origin.of(provider.base_url)
    view = ProviderView(str(provider.pk), provider.slug, provider.kind, provider.price_list or provider.kind, origin,
                        prefix, "", Timeouts(), price_region=price_region(
                            provider.kind, provider.base_url, provider.options or {}))  # fmt: skip
    return Target(
        model.name, model.upstream_name, view, max_output_tokens=model.max_output_tokens, priority=row.priority,
        weight=row.weight, capabilities=frozenset(model.capabilities), drop_unsupported=route.drop_unsupported,
        context_tokens=model.context_tokens,
    )  # fmt: skip


class ReportedSignals:
    """Implements `routing.scorer.Signals` with what data planes reported, today's prices and the recorded scores."""

    def __init__(self, facts: Facts, deployments: Mapping[tuple[str, str], Reported], processes: int) -> None:
        self.facts = facts
        self.processes = processes
        self._deployments = deployments
        self._pricer: Pricer | None = None
        self._scores: Mapping[tuple[str, str, str], float] | None = None

    def of(self, target: Target) -> Reported:
        key = (target.provider.id, target.upstream_name)
        return self._deployments.get(key) or Reported(*key)

    def obstacle(self, target: Target) -> str | None:
        found = self.of(target)
        return CIRCUIT_OPEN if found.state != CLOSED and found.retry_in_s > 0 else None

    def is_cooling(self, target: Target) -> bool:
        return self.of(target).cooldown_s > 0

    def price(self, target: Target) -> Price | None:
        found = self.of(target)
        usage = expected.usage_of(self.facts, found.output_tokens, found.cached_share)
        return price_of(self._loaded_pricer(), target, usage, self._organization)

    def latency_ms(self, target: Target) -> float | None:
        return self.of(target).latency_ms(is_stream=self.facts.is_stream)

    def in_flight(self, target: Target) -> int:
        return round(self.of(target).in_flight)

    def quality(self, target: Target) -> float | None:
        if self._scores is None:
            self._scores = _recorded_scores()
        return self._scores.get((self._organization, target.provider.slug, target.name))

    @property
    def _organization(self) -> str:
        return self.facts.call.key.organization if self.facts.call.key is not None else ""

    def _loaded_pricer(self) -> Pricer:
        if self._pricer is None:
            self._pricer = import_string(settings.GATEWAY_PRICER)()
            connection.ensure_connection()
            self._pricer.reload(connection.connection)
        return self._pricer


def _recorded_scores() -> Mapping[tuple[str, str, str], float]:
    """From the loader that the data planes take them from; empty when the settings name none."""
    connection.ensure_connection()
    loaders: list[Loader] = [import_string(path)() for path in settings.GATEWAY_SNAPSHOT_LOADERS]
    found: Any = [loader.load(connection.connection) for loader in loaders if loader.name == QUALITY]
    return found[0] if found else {}


# ---- the decision ---------------------------------------------------------------------------------------------------
def _decision(
    facts: Facts, views: Sequence[Target], policy: Policy, signals: ReportedSignals, strategy: str | None
) -> Decision:
    """Decided once; for a caller without identity once for each arm of the split, weighed by the arms' shares."""
    rng = random.Random(0)  # noqa: S311  (chances are told, not drawn)

    def decided(choice: Choice) -> Decision:
        return decide(facts, views, policy, signals, rng, choice=choice, strategy=strategy, with_chances=True)

    rule = matching(policy.rules, facts)
    if rule is None or not rule.split or facts.identity(rule.by) is not None:
        return decided(choose(facts, policy, rng))
    total = sum(variant.weight for variant in rule.split)
    arms = [(variant.weight / total, decided(Choice(rule, variant))) for variant in rule.split if variant.weight]
    shares: dict[int, float] = {}
    for share, arm in arms:
        for item in arm.ranked:
            shares[id(item.target)] = shares.get(id(item.target), 0.0) + share * item.chance
    likeliest = max(arms, key=lambda arm: arm[0])[1]
    ranked = tuple(replace(item, chance=shares[id(item.target)]) for item in likeliest.ranked)
    return replace(likeliest, ranked=ranked, variant=None)


def _without_the_speechless(decision: Decision, call: Call) -> Decision:
    """Targets whose format cannot express the call are passed over when they are tried; the next has their chance."""
    known = adapters.load()
    ranked: list[Ranked] = []
    excluded = list(decision.excluded)
    handed_on = 0.0
    for item in decision.ranked:
        why = _unspeakable(known, call, item.target)
        if why:
            excluded.append(Excluded(item.target, why))
            handed_on += item.chance
        else:
            ranked.append(replace(item, chance=item.chance + handed_on))
            handed_on = 0.0
    return replace(decision, ranked=tuple(ranked), excluded=tuple(excluded))


def _unspeakable(known: Mapping[str, adapters.Adapter], call: Call, target: Target) -> str:
    adapter = known.get(target.provider.kind)
    if adapter is None:
        return f"providers of kind '{target.provider.kind}' cannot serve this endpoint"
    try:
        adapter.prepare(call, target)
    except ApiError as error:
        return error.message
    return ""


def _placed(
    rows: Sequence[RouteTarget], views: Mapping[Any, Target], decision: Decision, signals: ReportedSignals
) -> list[SimulatedTarget]:
    row_of = {id(view): row for row in rows if (view := views.get(row.pk)) is not None}
    order = sorted(decision.ranked, key=lambda item: (item.tier, -item.chance, -(item.scored.score or 0.0)))
    places = groupby(order, key=lambda item: (item.tier, item.scored.score))
    found = [
        SimulatedTarget(row_of[id(item.target)], n, item.chance, _reason(item), item, signals.of(item.target).state)
        for n, (_, equals) in enumerate(places, start=1)
        for item in equals
    ]
    found += [
        SimulatedTarget(row_of[id(item.target)], None, 0.0, f"Not tried: {_words(item.why)}.", None,
                        signals.of(item.target).state)
        for item in decision.excluded
    ]  # fmt: skip
    found += [SimulatedTarget(row, None, 0.0, _disabled(row), None, CLOSED) for row in rows if _disabled(row)]
    return found


def _words(why: str) -> str:
    return "its circuit is open" if why == CIRCUIT_OPEN else why.rstrip(".")


def _reason(item: Ranked) -> str:
    if item.note:
        return f"Tried after all others: {item.note}."
    if item.chance >= 1.0:
        return "Tried first."
    if item.chance > 0:
        return f"Tried first in {item.chance:.1%} of such calls."
    return "Tried when every target before it failed."


def _notes(decision: Decision, signals: ReportedSignals, facts: Facts) -> list[Note]:
    weights = facts.call.policy.weights_of(decision.strategy)
    scores = [item.scored for item in decision.ranked]
    found = []
    if not signals.processes:
        found.append(("no_live_figures", "No data plane has reported lately: latency, load and circuits are unknown."))
    if weights.cost and any(item.price is None for item in scores):
        found.append(("unpriced", "A target without a known price ranks behind those that have one."))
    if weights.quality and not decision.note and any(item.quality is None for item in scores):
        few = f"A target with fewer than {LEAST_REQUESTS} scored requests ranks behind those that have them."
        found.append(("few_scores", few))
    if decision.note:
        found.append(("no_quality", f"{decision.note[0].upper()}{decision.note[1:]}: equals are drawn by weight."))
    if decision.rule is not None and decision.variant is None and _is_split(facts):
        found.append(("arm_drawn", "Without an identity each call draws its arm; the chances are of all arms."))
    return [{"code": code, "message": message} for code, message in found]


def _is_split(facts: Facts) -> bool:
    rule = matching(facts.call.policy.rules, facts)
    return rule is not None and bool(rule.split)
