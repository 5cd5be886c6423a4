"""What the `error_type` of a ledger line means in words (docs/reference/errors.md has the same list). Pure."""

from __future__ import annotations

REASONS = {
    # refusals of the gateway: lines of kind `denied`
    "scope_missing": "The key may not call models: its scopes lack inference.",
    "model_not_allowed": "The key may not use this model.",
    "model_not_found": "No model or route of this name is offered here.",
    "guardrail_blocked": "A guardrail blocked what was sent or what came back.",
    "guardrail_unavailable": "A webhook guardrail did not answer, and it refuses calls then.",
    "budget_exceeded": "What is left of a hard budget cannot pay the smallest answer.",
    "budget_reserved": "The rest of a hard budget was held by calls that were running.",
    "unpriced_model": "A hard budget applies and no price of this model is known.",
    "rate_limit_exceeded": "A rate limit was used up.",
    "circuit_open": "Every target had failed shortly before and was left alone for a moment.",
    "no_target": "No target of the route is enabled, or the rule that applied allows none that is.",
    "route_misconfigured": "The stored configuration of the route cannot be understood.",
    # how attempts at a provider fail
    "connect_timeout": "No connection to the provider came about in time.",
    "first_byte_timeout": "The first byte of the answer did not come in time.",
    "idle_timeout": "The answer fell silent in the middle.",
    "total_timeout": "The whole exchange took too long.",
    "deadline_exceeded": "The route's deadline passed before the answer.",
    "connect_error": "The connection was refused.",
    "dns_error": "The provider's name does not resolve.",
    "address_refused": "The provider's name resolves to a private address that is not allowed.",
    "proxy_error": "The proxy in front of the provider could not be used.",
    "tls_error": "TLS failed: certificate, name or version.",
    "connection_lost": "The provider closed the connection before the answer was complete.",
    "stale_connection": "An idle connection was closed when it was used again; the attempt was repeated.",
    "protocol_error": "The answer was not valid HTTP.",
    "invalid_answer": "The answer was not a JSON object.",
    "invalid_event": "An event of the stream was not a JSON object.",
    "response_too_large": "The answer was too long.",
    "incomplete_stream": "The stream ended without its end mark.",
    "stream_error": "The provider sent an error in the middle of the stream.",
    "upstream_authentication": "The provider refused the gateway's credential.",
    "upstream_rate_limit": "The provider's own rate limit was used up.",
    "upstream_redirect": "The provider answered with a redirect, which is not followed.",
    "artifact_unavailable": "A tuned model that the gateway serves itself could not be loaded.",
    "low_confidence": "A local head was less sure than its threshold; its fallback was asked.",
    "internal_error": "A defect of the gateway ended the attempt; its log has more.",
    "client_gone": "The client left before the answer was complete.",
    "hedge_lost": "Another attempt that ran beside this one answered first.",
    "shutdown": "The gateway was stopped while the call ran.",
    "interrupted": "The gateway died while the call ran.",
}
UPSTREAM = "upstream_"


def reason(error_type: str | None) -> str:
    """A sentence for an error type; empty for none, and for one that only its sender understands."""
    code = error_type or ""
    if code in REASONS:
        return REASONS[code]
    status = code.removeprefix(UPSTREAM)
    if code.startswith(UPSTREAM) and status.isdecimal():
        return f"The provider answered with status {status}."
    return ""
