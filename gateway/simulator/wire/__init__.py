"""Wire formats: each reads one vendor's requests into `calls` and writes `calls` as its answers."""

from gateway.simulator.server import Exchange
from gateway.simulator.wire import anthropic, azure, azure_management, bedrock, gemini, openai, vertex
from gateway.simulator.wire.format import WireFormat

_BY_PREFIX: tuple[tuple[bytes, WireFormat], ...] = (
    (anthropic.MESSAGES_PATH, anthropic),
    (bedrock.PREFIX, bedrock),
    (bedrock.MODELS_PATH, bedrock),
    (azure.PREFIX, azure),
    (b"/v1/", openai),
)


def find_format(exchange: Exchange) -> WireFormat | None:
    """The format that owns the request's path; `None` outside every vendor's surface."""
    path = exchange.path
    if path.startswith(anthropic.MODELS_PATH) and b"anthropic-version" in exchange.headers:
        return anthropic
    if gemini.owns(exchange):
        return gemini
    if vertex.owns(path):
        return vertex
    if azure_management.owns(path):
        return azure_management
    return next((wire for prefix, wire in _BY_PREFIX if path.startswith(prefix)), None)
