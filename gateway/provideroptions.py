"""What may be set on a provider of one kind and no other, and what its credential may be. Pure.

Sources: Azure OpenAI, "API version lifecycle" (`api-version`, the v1 surface) and "Authentication" (keys, Entra ID);
Amazon Bedrock, "Endpoints and quotas" (hosts name the region).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

API_VERSION = "api_version"
AUTHENTICATION = "authentication"
REGION = "region"
PRICE_REGION = "price_region"
HEALTH_CHECK = "health_check_s"
BUCKET = "bucket"
RESOURCE = "resource"
DEPLOYMENT_TYPE = "deployment_type"
HARDWARE = "hardware"
ACCELERATOR = "accelerator"
GPU_HOUR_PRICE = "gpu_hour_price"
V1 = "v1"
ENTRA_ID = "entra-id"
_BEDROCK_HOST = re.compile(r"^bedrock(?:-runtime)?(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")


class OptionError(ValueError):
    """`field` names the option, or "credential"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Option:
    """One option: the kinds that have it (empty: all of them), the values it takes, and what it means."""

    kinds: frozenset[str]
    pattern: re.Pattern[str]
    shape: str
    help: str


OPTIONS: dict[str, Option] = {
    API_VERSION: Option(
        frozenset({"azure"}),
        re.compile(r"v1|\d{4}-\d{2}-\d{2}(?:-preview)?"),
        "'v1' or a date such as 2024-10-21",
        "Azure OpenAI: 'v1' (default) calls /openai/v1, a dated version the deployment's own path.",
    ),
    AUTHENTICATION: Option(
        frozenset({"azure"}),
        re.compile(r"api-key|entra-id"),
        "'api-key' or 'entra-id'",
        "Azure OpenAI: how the credential is sent, as `api-key` (default) or as a bearer token of Entra ID.",
    ),
    REGION: Option(
        frozenset({"bedrock"}),
        re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d"),
        "a region such as us-east-1",
        "Amazon Bedrock: the region that requests are signed for, where the host does not name it.",
    ),
    PRICE_REGION: Option(
        frozenset({"anthropic", "azure", "bedrock", "google", "openai"}),
        re.compile(r"[a-z]{2,10}(?:-[a-z]+)*(?:-?\d{1,2})?"),
        "a region such as eu, us-gov or europe-west1",
        "Where the vendor answers, as its price list names it: regional prices apply. Azure: the data zone (eu, us); "
        "Google: the location; Amazon Bedrock: by default the region of the host.",
    ),
    BUCKET: Option(
        frozenset({"google"}),
        re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
        "the name of a bucket",
        "Vertex AI: the Cloud Storage bucket into which training files are put.",
    ),
    RESOURCE: Option(
        frozenset({"azure"}),
        re.compile(
            r"/subscriptions/[0-9A-Za-z-]{1,64}/resourceGroups/[\w().-]{1,90}/providers/Microsoft\.CognitiveServices"
            r"/accounts/[a-zA-Z0-9][\w.-]{1,63}"
        ),
        "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.CognitiveServices/accounts/<name>",
        "Azure OpenAI: the resource's id, at which tuned models are deployed.",
    ),
    DEPLOYMENT_TYPE: Option(
        frozenset({"azure"}),
        re.compile(r"Standard|GlobalStandard|DeveloperTier"),
        "'Standard', 'GlobalStandard' or 'DeveloperTier'",
        "Azure OpenAI: how tuned models are deployed: Standard (default) and GlobalStandard are billed by the hour, "
        "DeveloperTier is not and ends after 24 hours.",
    ),
    HARDWARE: Option(
        frozenset({"together"}),
        re.compile(r"\d{1,2}x_[a-z0-9_]{3,50}"),
        "hardware such as 1x_nvidia_h100_80gb_sxm",
        "Together: on what tuned models are deployed, billed by the minute at its price; without it they are not.",
    ),
    ACCELERATOR: Option(
        frozenset({"fireworks"}),
        re.compile(r"[A-Z][A-Z0-9_]{3,50}"),
        "an accelerator such as NVIDIA_H100_80GB",
        "Fireworks: on what tuned models are deployed, billed by the second; without it they are not.",
    ),
    GPU_HOUR_PRICE: Option(
        frozenset({"fireworks"}),
        re.compile(r"\d{1,4}(?:\.\d{1,4})?"),
        "an amount such as 7.00",
        "Fireworks: US dollars that an hour of the accelerator costs; without it hours are in the ledger unpriced.",
    ),
    HEALTH_CHECK: Option(
        frozenset(),
        re.compile(r"[3-9]|[1-9]\d{1,3}"),
        "seconds from 3 to 9999",
        "All kinds: seconds between two questions whether the provider lives; without it none are asked.",
    ),
}


def checked(kind: str, options: Mapping[str, object]) -> dict[str, str]:
    """The options of a provider of `kind`; empty values are left out. Raises `OptionError`."""
    found: dict[str, str] = {}
    for name, value in options.items():
        option = OPTIONS.get(name)
        if value in (None, ""):
            continue
        if option is None or (option.kinds and kind not in option.kinds):
            raise OptionError(name, f"Providers of kind '{kind}' have no option '{name}'.")
        if not isinstance(value, str) or not option.pattern.fullmatch(value):
            raise OptionError(name, f"The option '{name}' must be {option.shape}.")
        found[name] = value
    return found


@dataclass(frozen=True, slots=True)
class AwsCredential:
    """Keys that sign requests, or one Bedrock API key (`bearer`)."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    bearer: str = ""


def aws_credential(secret: str) -> AwsCredential:
    """A Bedrock API key, or JSON with `access_key_id`, `secret_access_key` and maybe `session_token`.

    Raises `OptionError`, which does not repeat the secret.
    """
    if not secret.lstrip().startswith("{"):
        return AwsCredential(bearer=secret)
    try:
        given = json.loads(secret)
    except (ValueError, RecursionError):
        raise OptionError("credential", "The credential looks like JSON but is none.") from None
    names = ("access_key_id", "secret_access_key", "session_token")
    if not all(isinstance(given.get(name, ""), str) for name in names) or set(given) - set(names):
        raise OptionError("credential", f"The credential must be an object of texts: {', '.join(names)}.")
    if not given.get("access_key_id") or not given.get("secret_access_key"):
        raise OptionError("credential", "The credential needs access_key_id and secret_access_key.")
    return AwsCredential(*(given.get(name, "") for name in names))


@dataclass(frozen=True, slots=True)
class AzureCredential:
    """`api_key` goes with calls; the rest is a service principal of Entra ID, for the management plane alone."""

    api_key: str = ""
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = ""


def azure_credential(secret: str) -> AzureCredential:
    """A key, or JSON with `api_key`, `tenant_id`, `client_id` and `client_secret`.

    Raises `OptionError`, which does not repeat the secret.
    """
    if not secret.lstrip().startswith("{"):
        return AzureCredential(api_key=secret)
    try:
        given = json.loads(secret)
    except (ValueError, RecursionError):
        raise OptionError("credential", "The credential looks like JSON but is none.") from None
    names = ("api_key", "tenant_id", "client_id", "client_secret")
    if set(given) != set(names) or not all(isinstance(given[name], str) and given[name] for name in names):
        raise OptionError("credential", f"The credential must be an object of texts: {', '.join(names)}.")
    if not re.fullmatch(r"[0-9A-Za-z.-]{1,100}", given["tenant_id"]):
        raise OptionError("credential", "The credential's tenant_id must be an id or a domain.")
    return AzureCredential(**given)


def price_region(kind: str, base_url: str, options: Mapping[str, str]) -> str:
    """Whose regional prices calls of a provider are billed at; empty: the standard ones."""
    if region := options.get(PRICE_REGION):
        return region
    if kind != "bedrock":
        return ""
    try:
        return bedrock_region(urlsplit(base_url).hostname or "", options)
    except OptionError:
        return ""


def bedrock_region(host: str, options: Mapping[str, str]) -> str:
    """The option, else what the host names. Raises `OptionError` when neither does."""
    if region := options.get(REGION):
        return region
    match = _BEDROCK_HOST.match(host)
    if match is None:
        raise OptionError(REGION, f"The host {host} does not name a region; set the option 'region'.")
    return match[1]
