"""Deployments of tuned models at Azure OpenAI, by Azure's management plane.

Source: https://learn.microsoft.com/azure/ai-services/openai/how-to/fine-tuning-deploy and
https://learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments. The provider's option `resource` names
the resource, `deployment_type` how it is deployed; the credential is JSON with a service principal beside the key for
calls (`gateway.provideroptions.azure_credential`), who needs the role Cognitive Services Contributor.
"""

from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.fernet import InvalidToken
from django.core.cache import cache

from finetuning.backends.base import Hosted, Refused
from finetuning.backends.http import NOT_FOUND, Api, from_text, quoted
from finetuning.backends.openai import origin_of
from finetuning.models import Hosting
from gateway import credentials, outbound, provideroptions
from gateway.models import Provider

API_VERSION = "2024-10-01"
CLOUDS = {
    ".azure.com": ("https://management.azure.com", "https://login.microsoftonline.com"),
    ".azure.us": ("https://management.usgovcloudapi.net", "https://login.microsoftonline.us"),
    ".azure.cn": ("https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
"""Ends of hosts to the management plane and the token endpoint of their cloud."""
PUBLIC = "https://management.azure.com"
STANDARD = "Standard"
EARLY_S = 300
"""A token is not used in its last minutes."""
STATES: dict[str, Any] = {"Succeeded": "ready", "Failed": "failed", "Canceled": "failed", "Disabled": "failed"}


class AzureHosting:
    """Deployments at a provider of kind Azure."""

    def kind(self, provider: Provider | None) -> str:
        options = provider.options if provider is not None else {}
        return str(options.get(provideroptions.DEPLOYMENT_TYPE, STANDARD))

    def check(self, hosting: Hosting) -> None:
        provider = _provider(hosting)
        if not provider.options.get(provideroptions.RESOURCE):
            raise Refused("resource_missing", "Set the provider's option 'resource' to the id of the Azure resource.")
        if not _credential(provider).client_id:
            message = "To deploy models, the provider's credential must be JSON with api_key and a service principal."
            raise Refused("principal_missing", message)

    def hosted(self, hosting: Hosting) -> Hosted:
        try:
            return _seen(self._api(hosting).get(_path(hosting)))
        except Refused as error:
            if error.code == NOT_FOUND:
                return Hosted("absent")
            raise

    def host(self, hosting: Hosting) -> Hosted:
        body = {
            "sku": {"name": hosting.kind, "capacity": 1},
            "properties": {"model": {"format": "OpenAI", "name": hosting.tuned.name, "version": "1"}},
        }
        return _seen(self._api(hosting).put(_path(hosting), body))

    def unhost(self, hosting: Hosting) -> Hosted:
        """Azure takes the wish and ends it in its own time: how it stands is asked after it."""
        try:
            self._api(hosting).delete(_path(hosting))
        except Refused as error:
            if error.code != NOT_FOUND:
                raise
        return self.hosted(hosting)

    def _api(self, hosting: Hosting) -> Api:
        self.check(hosting)
        provider = _provider(hosting)
        root = f"{_cloud(provider)[0]}{provider.options[provideroptions.RESOURCE]}"
        return Api(provider, root, query={"api-version": API_VERSION}, authorization=authorization)


def authorization(provider: Provider, url: str) -> dict[str, str]:
    """A token for the management plane, kept until shortly before its end. Raises `OutboundError`."""
    key = f"finetuning.azure.{provider.pk}.{provider.updated_at.timestamp()}"
    sealed = cache.get(key)
    try:
        token = credentials.decrypt(sealed) if sealed is not None else None
    except InvalidToken:  # kept under a field key that is retired
        token = None
    if token is None:
        token, lifetime = _exchanged(provider)
        cache.set(key, credentials.encrypt(token), max(1, lifetime - EARLY_S))
    return {"Authorization": f"Bearer {token}"}


def _exchanged(provider: Provider) -> tuple[str, int]:
    """OAuth 2.0 client credentials, as Entra ID has them."""
    principal = _credential(provider)
    plane, login = _cloud(provider)
    scope = plane if login != origin_of(provider.base_url) else PUBLIC
    form = {
        "grant_type": "client_credentials", "client_id": principal.client_id,
        "client_secret": principal.client_secret, "scope": f"{scope}/.default",
    }  # fmt: skip
    answer = outbound.request(
        "POST", f"{login}/{quoted(principal.tenant_id)}/oauth2/v2.0/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"}, body=urlencode(form).encode(),
    )  # fmt: skip
    found = answer.json() if answer.status == 200 else {}
    if "access_token" not in found:
        raise outbound.OutboundError("credential_refused", f"Entra ID gave no access token (HTTP {answer.status}).")
    return str(found["access_token"]), int(found.get("expires_in") or 3_600)


def _cloud(provider: Provider) -> tuple[str, str]:
    """Management plane and token endpoint: of the provider's cloud, or what a stand-in of Azure serves beside it."""
    host = urlsplit(provider.base_url).hostname or ""
    own = origin_of(provider.base_url)
    return next((both for end, both in CLOUDS.items() if host.endswith(end)), (own, own))


def _credential(provider: Provider) -> provideroptions.AzureCredential:
    try:
        secret = credentials.decrypt(bytes(provider.credential)) if provider.credential else ""
        return provideroptions.azure_credential(secret)
    except InvalidToken:
        raise Refused("credential", "The stored credential cannot be decrypted; set it again.") from None
    except provideroptions.OptionError as error:
        raise Refused("credential", str(error)) from None


def _provider(hosting: Hosting) -> Provider:
    if hosting.tuned.provider is None:
        raise Refused("provider_missing", "The tuned model has no provider.")
    return hosting.tuned.provider


def _path(hosting: Hosting) -> str:
    return f"/deployments/{quoted(hosting.name)}"


def _seen(body: Any) -> Hosted:
    inner = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise Refused("answer_unknown", "Azure's answer is no deployment.")
    said = str(inner.get("provisioningState") or "")
    since = from_text((body.get("systemData") or {}).get("createdAt"))
    state = STATES.get(said, "creating")  # Accepted, Creating, Moving, Deleting: it will change by itself
    message = f"Azure says that the deployment is {said}." if state == "failed" else ""
    return Hosted(state, since if state == "ready" else None, message)
