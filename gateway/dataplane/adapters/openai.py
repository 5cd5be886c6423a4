"""OpenAI-compatible upstreams: the body passes through as bytes but for model name and usage request.

Source: OpenAI API reference, "Create chat completion", "Create embeddings", "Debugging requests"
(`X-Client-Request-Id`).
"""

from functools import partial

from gateway.dataplane import jsonsplice
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.adapters.passed import Passed
from gateway.dataplane.call import Call
from gateway.dataplane.views import Target

AGENT = b"llm-gateway/1.0"


class OpenAIAdapter:
    """Stateless; one instance serves every provider of the kind."""

    def prepare(self, call: Call, target: Target) -> Outbound:
        return Passed(call, partial(self._request, call, target))

    def _request(self, call: Call, target: Target, attempt_id: str) -> bytes:
        """The caller's body, spliced; our credential; our attempt id as the vendor's `X-Client-Request-Id`."""
        provider = target.provider
        body = self._body(call, target)
        head = (
            f"POST {provider.path_prefix}{call.endpoint.upstream_path} HTTP/1.1\r\n"
            f"host: {provider.origin.authority}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"x-client-request-id: {attempt_id}\r\nx-request-id: {call.request_id}\r\n"
            f"accept: {'text/event-stream' if call.is_stream else 'application/json'}\r\n"
        )
        if provider.credential:
            head += f"authorization: Bearer {provider.credential}\r\n"
        return b"%buser-agent: %b\r\naccept-encoding: identity\r\n\r\n%b" % (head.encode("latin-1"), AGENT, body)

    def _body(self, call: Call, target: Target) -> bytes:
        changes: dict[str, object] = {}
        if target.upstream_name != call.model:
            changes["model"] = target.upstream_name
        if call.is_stream and not call.wants_usage:
            options = call.fields.get("stream_options")
            given = options if isinstance(options, dict) else {}
            changes["stream_options"] = {**given, "include_usage": True}
        return jsonsplice.splice(call.body, changes, call.fields) if changes else call.body
