"""Amazon Bedrock: every call becomes Converse or ConverseStream, signed, or with a Bedrock API key as bearer.

Sources: Amazon Bedrock API reference, "Converse", "ConverseStream"; user guide, "API keys"; for the exceptions, the
"Errors" section of Converse.
"""

from collections.abc import Collection
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from gateway import provideroptions
from gateway.dataplane.adapters.outbound import Outbound
from gateway.dataplane.adapters.wire import WireAdapter, post
from gateway.dataplane.call import Call
from gateway.dataplane.errors import ApiError
from gateway.dataplane.formats.registry import BEDROCK
from gateway.dataplane.views import ProviderView, Target

MODEL_FAILED = 424  # ModelErrorException: the model failed, not the request


def judge(status: int, retry_after: bytes | None, body: bytes) -> tuple[int, bytes | None]:
    """A 403 is about the keys that sign, or about what the account may use: nothing that a caller chooses."""
    return {MODEL_FAILED: 502, 403: 401}.get(status, status), retry_after


def read_error(status: int, body: bytes) -> ApiError | None:
    """`{"message": …}`; the exception's name stands in a header and says no more than the status."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    message = said.get("message") or said.get("Message") if isinstance(said, dict) else None
    if not isinstance(message, str):
        return None
    return ApiError(status, "upstream_error", message, kind="invalid_request_error")


class BedrockAdapter(WireAdapter):
    """Stateless; one instance serves every provider of the kind."""

    vendor: ClassVar[str] = "bedrock"
    read_error = staticmethod(read_error)
    judge = staticmethod(judge)

    def natives(self, target: Target) -> Collection[str]:
        return ()

    def wire(self, target: Target) -> str:
        return BEDROCK

    def prepare(self, call: Call, target: Target) -> Outbound:
        """Raises `ApiError` 502 for a credential that cannot be used."""
        provider = target.provider
        try:
            if provider.credential and not provideroptions.aws_credential(provider.credential).bearer:
                provideroptions.bedrock_region(provider.origin.host, provider.options)
        except provideroptions.OptionError as error:
            raise ApiError(502, "upstream_authentication", str(error), kind="upstream_error") from error
        return super().prepare(call, target)

    def http(self, call: Call, target: Target, attempt_id: str, dialect: str, body: bytes) -> bytes:
        operation = "converse-stream" if call.is_stream else "converse"
        path = f"/model/{quote(target.upstream_name, safe='')}/{operation}"
        headers = {"content-type": "application/json"}
        return post(target, path, headers | self._authorization(target.provider, path, headers, body), body)

    def _authorization(self, provider: ProviderView, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        if not provider.credential:
            return {}
        credential = provideroptions.aws_credential(provider.credential)
        if credential.bearer:
            return {"authorization": f"Bearer {credential.bearer}"}
        from gateway.dataplane.adapters.sigv4 import signed_headers  # imported already, see `preload`

        origin, region = provider.origin, provideroptions.bedrock_region(provider.origin.host, provider.options)
        url = f"http{'s' if origin.tls else ''}://{origin.authority}{provider.path_prefix}{path}"
        return signed_headers("POST", url, headers, body, credential=credential, region=region)
