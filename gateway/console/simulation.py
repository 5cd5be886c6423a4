"""A call to try on a route: what the person fills in, as the request's body; and the outcome, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from django import forms

from gateway.choices import RouteStrategy
from gateway.dataplane.endpoints import (
    ANTHROPIC_COUNT,
    ANTHROPIC_MESSAGES,
    ENDPOINTS,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
)
from gateway.models import Organization, User, VirtualKey
from gateway.services import routing

MOST_KEYS = 500
MOST_TOKENS = 1_000_000
BYTES_PER_TOKEN = 4
FILLER = "word"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
TONES = {"closed": "ok", "half_open": "warn", "open": "bad"}
Json = dict[str, Any]


class SampleForm(forms.Form):
    """The sample. `body` replaces what the fields above it would make."""

    endpoint = forms.ChoiceField(choices=[(path, path) for path in ENDPOINTS], initial="/v1/chat/completions")
    key = forms.ModelChoiceField(
        VirtualKey.objects.none(), required=False, empty_label="none",
        help_text="Whose project, team and person the rules see.",
    )  # fmt: skip
    message = forms.CharField(
        required=False, max_length=20_000, strip=False, initial="Hello!",
        widget=forms.Textarea(attrs={"rows": 3}), help_text="What the user writes; its language is recognized.",
    )  # fmt: skip
    prompt_tokens = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_TOKENS, label="Prompt size (tokens)",
        help_text="The message is filled up to about this size.",
    )  # fmt: skip
    has_tools = forms.BooleanField(required=False, label="With a tool")
    has_image = forms.BooleanField(required=False, label="With a picture")
    is_stream = forms.BooleanField(required=False, label="As a stream")
    tags = forms.CharField(required=False, max_length=2_000, help_text="name=value, separated by commas.")
    end_user = forms.CharField(required=False, max_length=200)
    strategy = forms.ChoiceField(
        required=False, choices=[("", "the route's own"), *RouteStrategy.choices], help_text="As X-Gateway-Route asks."
    )
    body = forms.CharField(
        required=False, max_length=1_000_000, strip=False, label="Or the body itself",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text="The request's JSON; then message, size, tool, picture and stream above do not count.",
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = VirtualKey.objects.visible_to(user).filter(organization=organization, revoked_at=None)
        rows = rows.select_related("project").order_by("name", "id")
        field: Any = self.fields["key"]
        field.queryset = rows
        field.choices = [("", "none"), *((key.pk, f"{key.name} · {key.project.name}") for key in rows[:MOST_KEYS])]

    def clean_tags(self) -> dict[str, str]:
        pairs = [item.partition("=") for item in self.cleaned_data["tags"].split(",") if item.strip()]
        if any(not separator or not name.strip() for name, separator, _ in pairs):
            raise forms.ValidationError("Each tag is name=value.", code="tags")
        return {name.strip(): value.strip() for name, _, value in pairs}

    def sample(self) -> routing.Sample:
        """What was filled in; a plain greeting before that."""
        if not self.is_bound:
            return routing.Sample()
        data = self.cleaned_data
        body = data["body"] if data["body"].strip() else orjson.dumps(body_of(data)).decode()
        return routing.Sample(
            data["endpoint"], body, data["tags"], data["end_user"], data["key"], data["strategy"] or None
        )


def body_of(data: Mapping[str, Any]) -> Json:
    """The request that the fields describe, in the wire format of its endpoint."""
    endpoint = ENDPOINTS[data["endpoint"]]
    text = _text(data)
    makers: dict[str, Callable[[str, Mapping[str, Any]], Json]] = {
        OPENAI_CHAT: _chat, OPENAI_RESPONSES: _responses, ANTHROPIC_MESSAGES: _messages, ANTHROPIC_COUNT: _messages,
    }  # fmt: skip
    make = makers.get(endpoint.dialect)
    body: Json = make(text, data) if make else {endpoint.required: text}
    if data["is_stream"] and endpoint.streams:
        body["stream"] = True
    return body


def _text(data: Mapping[str, Any]) -> str:
    text: str = data["message"] or "Hello!"
    missing = (data["prompt_tokens"] or 0) * BYTES_PER_TOKEN - len(text.encode())
    return text + (" " + FILLER) * (missing // (len(FILLER) + 1)) if missing > 0 else text


def _chat(text: str, data: Mapping[str, Any]) -> Json:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    content: Any = [{"type": "text", "text": text}, picture] if data["has_image"] else text
    return _with_tool({"messages": [{"role": "user", "content": content}]}, data, CHAT_TOOL)


def _responses(text: str, data: Mapping[str, Any]) -> Json:
    picture: Json = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
    parts: list[Json] = [{"type": "input_text", "text": text}, *([picture] if data["has_image"] else [])]
    tool = {"type": "function", "name": "get_weather", "parameters": SCHEMA}
    return _with_tool({"input": [{"role": "user", "content": parts}]}, data, tool)


def _messages(text: str, data: Mapping[str, Any]) -> Json:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    parts: list[Json] = [{"type": "text", "text": text}, *([picture] if data["has_image"] else [])]
    body = {"max_tokens": 1024, "messages": [{"role": "user", "content": parts}]}
    return _with_tool(body, data, {"name": "get_weather", "input_schema": SCHEMA})


def _with_tool(body: Json, data: Mapping[str, Any], tool: Json) -> Json:
    return {**body, "tools": [tool]} if data["has_tools"] else body


# ---- the outcome ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target of the outcome, figures as they are: the template words them."""

    position: int | None
    model: str
    provider: str
    share: float
    priority: int
    weight: int
    score: float | None
    cost: Decimal | None
    currency: str
    latency_ms: float | None
    in_flight: int | None
    quality: float | None
    circuit: str
    tone: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulation as the page shows it; `facts` are what the rules saw of the call."""

    simulation: routing.Simulation
    facts: list[str]
    rows: list[TargetRow]
    columns: frozenset[str]


def told(simulation: routing.Simulation) -> Outcome:
    """The whole order, with the columns that any target has a figure for."""
    rows = [_target(item) for item in simulation.targets]
    names = ("score", "cost", "latency_ms", "in_flight", "quality")
    columns = frozenset(name for name in names if any(getattr(row, name) is not None for row in rows))
    return Outcome(simulation, _facts(simulation), rows, columns)


def _facts(simulation: routing.Simulation) -> list[str]:
    facts = simulation.facts
    found = [
        f"about {facts.prompt_tokens:,} prompt tokens",
        "with tools" if facts.has_tools else "without tools",
        "a stream" if facts.is_stream else "no stream",
        " and ".join(sorted(facts.modalities)),
        f"language {facts.language}" if facts.language else "language not recognized",
    ]
    return found + ([f"end user {facts.end_user}"] if facts.end_user else [])


def _target(item: routing.SimulatedTarget) -> TargetRow:
    scored = item.ranked.scored if item.ranked is not None else None
    price = scored.price if scored is not None else None
    return TargetRow(
        position=item.position, model=item.target.model.name, provider=item.target.model.provider.name,
        share=item.probability, priority=item.target.priority, weight=item.target.weight,
        score=scored.score if scored else None, cost=price.amount if price else None,
        currency=price.currency if price else "", latency_ms=scored.latency_ms if scored else None,
        in_flight=scored.in_flight if scored else None, quality=scored.quality if scored else None,
        circuit=item.circuit.replace("_", " "), tone=TONES.get(item.circuit, ""), reason=item.reason,
    )  # fmt: skip
