"""What an `error_type` of the ledger means, in a sentence. Providers' own messages are not kept."""

import re

MEANINGS = {
    "connect_timeout": "No connection to the provider in time.",
    "first_byte_timeout": "The provider sent no first byte in time.",
    "idle_timeout": "The provider fell silent in the middle of its answer.",
    "total_timeout": "The whole exchange took too long.",
    "deadline_exceeded": "The route's deadline ended the attempt.",
    "connect_error": "The provider refused the connection.",
    "dns_error": "The provider's name does not resolve.",
    "address_refused": "The provider's name resolves to a private address that is not allowed.",
    "proxy_error": "The proxy in front of the provider could not be used.",
    "tls_error": "TLS failed: certificate, name or version.",
    "connection_lost": "The provider closed the connection before its answer was complete.",
    "stale_connection": "An idle connection was closed when it was used again; the attempt was repeated.",
    "protocol_error": "The provider's answer is not valid HTTP.",
    "invalid_answer": "The provider's answer is not a JSON object.",
    "invalid_event": "An event of the provider's stream is not a JSON object.",
    "response_too_large": "The provider's answer is too large.",
    "incomplete_stream": "The provider's stream ended without its end mark.",
    "stream_error": "The provider sent an error in the stream.",
    "upstream_authentication": "The provider refused the gateway's credential.",
    "upstream_rate_limit": "The provider's rate limit was reached.",
    "upstream_redirect": "The provider redirects, which is not followed.",
    "artifact_unavailable": "A tuned model that the gateway serves itself could not be loaded.",
    "low_confidence": "A local head was less sure than its threshold; its fallback was asked.",
    "internal_error": "A defect of the gateway ended the attempt.",
    "client_gone": "The client left before the answer was complete.",
    "hedge_lost": "Another attempt that ran beside this one answered first.",
    "shutdown": "The gateway stopped while the call ran.",
    "interrupted": "The data plane died while the call ran.",
}
_STATUS = re.compile(r"upstream_(\d{3})")


def meaning(error_type: str | None) -> str | None:
    """None for types that the gateway did not name itself: imports may have any."""
    if error_type is None:
        return None
    if found := _STATUS.fullmatch(error_type):
        return f"The provider answered with HTTP {found[1]}."
    return MEANINGS.get(error_type)
