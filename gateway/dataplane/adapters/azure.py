"""Azure OpenAI: OpenAI's formats, by deployment. The upstream name is the deployment's.

Without the option `api_version`, or with `v1`, calls go to `/openai/v1`, where the body names the deployment; with a
dated version to the deployment's own path. Sources: Azure OpenAI, "API version lifecycle" and "REST API reference"
(data plane inference; header `api-key`).
"""

from collections.abc import Collection
from urllib.parse import quote

from gateway.dataplane.adapters.openai import PATHS, OpenAIAdapter, media_type
from gateway.dataplane.adapters.wire import post
from gateway.dataplane.call import Call
from gateway.dataplane.endpoints import OPENAI_RESPONSES
from gateway.dataplane.views import ProviderView, Target
from gateway.provideroptions import API_VERSION, AUTHENTICATION, ENTRA_ID, V1


class AzureAdapter(OpenAIAdapter):
    """Stateless; one instance serves every provider of the kind."""

    def natives(self, target: Target) -> Collection[str]:
        """The legacy endpoint takes few models, so it is offered where a model's capabilities say so."""
        found = {*super().natives(target), OPENAI_RESPONSES}
        if is_dated(target.provider) and "responses" not in target.capabilities:
            found.discard(OPENAI_RESPONSES)  # Responses are of the v1 surface
        return found

    def post(self, call: Call, target: Target, attempt_id: str, path: str, body: bytes, content_type: str) -> bytes:
        headers = {
            "content-type": content_type,
            "x-ms-client-request-id": attempt_id,
            "accept": media_type(call),
        }
        return post(target, azure_path(target, path), headers | authorization(target.provider), body)


def is_dated(provider: ProviderView) -> bool:
    return provider.options.get(API_VERSION, V1) != V1


def azure_path(target: Target, path: str) -> str:
    """Behind the base URL, which may or may not name `/openai` or `/openai/v1` already."""
    provider = target.provider
    if provider.path_prefix.endswith("/openai/v1"):
        return path
    lead = "" if provider.path_prefix.endswith("/openai") else "/openai"
    if not is_dated(provider):
        return f"{lead}/v1{path}"
    version = provider.options[API_VERSION]
    if path == PATHS[OPENAI_RESPONSES]:
        return f"{lead}{path}?api-version={version}"
    return f"{lead}/deployments/{quote(target.upstream_name, safe='')}{path}?api-version={version}"


def authorization(provider: ProviderView) -> dict[str, str]:
    """The header that carries the credential; none without one."""
    if not provider.credential:
        return {}
    if provider.options.get(AUTHENTICATION) == ENTRA_ID:
        return {"authorization": f"Bearer {provider.credential}"}
    return {"api-key": provider.credential}
