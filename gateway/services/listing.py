"""How each kind of upstream is asked what it offers, and how its answer is read.

Sources: OpenAI API, "List models"; Anthropic API, "List models"; Gemini API, "models.list"; Azure OpenAI, "Models -
List" (base models: deployments are known to the management plane alone); Amazon Bedrock, "ListFoundationModels" (host
`bedrock.<region>`, signed); Cohere API, "List Models"; Hugging Face, "Inference Providers" (OpenAI's list).
"""

from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken

from gateway import credentials, outbound, provideroptions
from gateway.choices import ProviderKind
from gateway.models import Provider

ANTHROPIC_VERSION = "2023-06-01"
MAX_MODELS = 2_000
_PAGE = 1_000


def listing_request(provider: Provider) -> tuple[str, dict[str, str]]:
    """`(url, headers)` of a GET. Raises `OutboundError` when the stored configuration cannot be used."""
    url = _url(provider)
    headers = {"Accept": "application/json", "User-Agent": "llm-gateway"}
    if provider.kind == ProviderKind.ANTHROPIC:
        headers["anthropic-version"] = ANTHROPIC_VERSION
    return url, headers | authorization(provider, url)


def authorization(provider: Provider, url: str) -> dict[str, str]:
    """The headers that carry the provider's credential to `url`; none without one. Raises `OutboundError`."""
    secret = _secret(provider)
    return _authorization(provider, secret, url) if secret else {}


def _secret(provider: Provider) -> str:
    try:
        return credentials.decrypt(bytes(provider.credential)) if provider.credential else ""
    except InvalidToken:
        raise outbound.OutboundError(
            "credential_unreadable", "The stored credential cannot be decrypted with the configured keys; set it again."
        ) from None


def _url(provider: Provider) -> str:
    base = provider.base_url.rstrip("/")
    match provider.kind:
        case ProviderKind.AZURE:
            return _azure_url(base, provider.options.get(provideroptions.API_VERSION, provideroptions.V1))
        case ProviderKind.GOOGLE:
            prefix = "" if urlsplit(base).path else "/v1beta"
            return f"{base}{prefix}/models?pageSize={_PAGE}"
        case ProviderKind.BEDROCK:
            return f"{base.replace('://bedrock-runtime', '://bedrock', 1)}/foundation-models"
        case ProviderKind.COHERE:
            return f"{base.removesuffix('/compatibility/v1').removesuffix('/v1')}/v1/models?page_size={_PAGE}"
    return f"{base}/models"


def _azure_url(base: str, version: str) -> str:
    root = base.removesuffix("/v1").removesuffix("/openai")
    if version == provideroptions.V1:
        return f"{root}/openai/v1/models"
    return f"{root}/openai/models?api-version={version}"


def _authorization(provider: Provider, secret: str, url: str) -> dict[str, str]:
    if provider.kind == ProviderKind.AZURE:
        secret = _azure_key(secret)
    match provider.kind:
        case ProviderKind.ANTHROPIC:
            return {"x-api-key": secret}
        case ProviderKind.GOOGLE:
            return {"x-goog-api-key": secret}
        case ProviderKind.AZURE if provider.options.get(provideroptions.AUTHENTICATION) != provideroptions.ENTRA_ID:
            return {"api-key": secret}
        case ProviderKind.BEDROCK:
            return _aws_authorization(provider, secret, url)
    return {"Authorization": f"Bearer {secret}"}


def _azure_key(secret: str) -> str:
    try:
        return provideroptions.azure_credential(secret).api_key
    except provideroptions.OptionError as error:
        raise outbound.OutboundError("credential_unusable", str(error)) from None


def _aws_authorization(provider: Provider, secret: str, url: str) -> dict[str, str]:
    try:
        credential = provideroptions.aws_credential(secret)
        if credential.bearer:
            return {"Authorization": f"Bearer {credential.bearer}"}
        region = provideroptions.bedrock_region(outbound.split(provider.base_url)[1], provider.options)
    except provideroptions.OptionError as error:
        raise outbound.OutboundError("credential_unusable", str(error)) from None
    from gateway.dataplane.adapters.sigv4 import signed_headers  # botocore costs half a second: only where it is used

    return signed_headers("GET", url, {}, b"", credential=credential, region=region)


def names(body: Any) -> tuple[str, ...]:
    """Model names in any of the vendors' answers, sorted: `data[].id` (OpenAI, Anthropic, Azure, Hugging Face),
    `models[].name` (Gemini, Cohere), `modelSummaries[].modelId` (Bedrock). Raises `OutboundError`.
    """
    rows = body
    if isinstance(body, dict):
        rows = next((body[key] for key in ("data", "models", "modelSummaries") if key in body), None)
    if not isinstance(rows, list):
        raise outbound.OutboundError("upstream_not_a_list", "The upstream's answer is not a list of models.")
    found = {_name(row) for row in rows[:MAX_MODELS] if isinstance(row, dict)}
    return tuple(sorted(name.removeprefix("models/")[:200] for name in found if isinstance(name, str)))


def _name(row: dict[str, Any]) -> Any:
    return row.get("id") or row.get("modelId") or row.get("name")
