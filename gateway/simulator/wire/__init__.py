"""Wire formats: each reads one vendor's requests into `calls` and writes `calls` as its answers."""

from gateway.simulator.server import Exchange
from gateway.simulator.wire import anthropic, openai
from gateway.simulator.wire.format import WireFormat


def find_format(exchange: Exchange) -> WireFormat | None:
    """The format that owns the request's path; `None` outside every vendor's surface."""
    path = exchange.path
    if path.startswith(b"/v1/"):
        is_anthropic = path.startswith(anthropic.MESSAGES_PATH) or (
            b"anthropic-version" in exchange.headers and path.startswith(openai.MODELS_PATH)
        )
        return anthropic if is_anthropic else openai
    return None
