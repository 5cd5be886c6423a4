"""Azure's management plane, as far as tuned models are deployed by it, with the token endpoint of Entra ID.

Source: https://learn.microsoft.com/rest/api/aiservices/accountmanagement/deployments (create or update, get, delete)
and https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow. A deployment is `Creating`
for one question, or one phase of a tuning run, then `Succeeded`; a model whose name has `sim-nodeploy` in it ends as
`Failed`. A deleted one is gone at the next question.
"""

import re
import time
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.calls import ProviderError
from gateway.simulator.latency import Pace
from gateway.simulator.options import phase_ms
from gateway.simulator.request_log import Outcome
from gateway.simulator.server import Exchange
from gateway.simulator.storage import Deployment
from gateway.simulator.turn import Endpoint, Turn
from gateway.simulator.wire import azure
from gateway.simulator.wire import openai_requests as requests
from gateway.simulator.wire.azure import base_headers, error_headers, failure, limit_headers, timing_headers
from gateway.simulator.wire.together import time_of

__all__ = [
    "authenticate",
    "base_headers",
    "describe",
    "error_body",
    "error_headers",
    "failure",
    "find_endpoint",
    "limit_headers",
    "timing_headers",
]
TOKEN_PATH = re.compile(r"^/[\w.-]+/oauth2/v2\.0/token$")
ACCOUNT = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices/accounts/[^/]+"
DEPLOYMENT_PATH = re.compile(rf"^({ACCOUNT})/deployments/([\w.-]{{2,64}})$")
TOKEN = "eyJ.simulated.entra"  # noqa: S105  (opens nothing)
SCOPE = "https://management.azure.com/.default"
SKUS = ("Standard", "GlobalStandard", "DeveloperTier")


def owns(path: bytes) -> bool:
    return path.startswith(b"/subscriptions/") or path.endswith(b"/oauth2/v2.0/token")


def find_endpoint(method: bytes, path: bytes) -> Endpoint | None:
    """The endpoint for `method path`."""
    text = path.decode("latin-1")
    if method == b"POST" and TOKEN_PATH.match(text):
        return _token
    return _deployment if DEPLOYMENT_PATH.match(text) else None


def describe(exchange: Exchange, payload: Any) -> tuple[str | None, bool]:
    """The model that is to be deployed."""
    inner = payload.get("properties") if isinstance(payload, dict) else None
    model = (inner.get("model") or {}).get("name") if isinstance(inner, dict) else None
    return model if isinstance(model, str) else None, False


def authenticate(exchange: Exchange) -> str:
    """A token of Entra ID; the token endpoint asks for a client's secret itself."""
    if exchange.path.endswith(b"/token"):
        return ""
    if exchange.headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
        raise ProviderError(401, "Authentication failed. The 'Authorization' header is missing or invalid.",
                            code="AuthenticationFailed")  # fmt: skip
    if b"api-version" not in exchange.query:
        raise ProviderError(400, "The api-version query parameter is required.", code="MissingApiVersionParameter")
    return TOKEN


def error_body(error: ProviderError, number: int) -> bytes:
    """The management plane's words; the token endpoint has OAuth's own (RFC 6749, 5.2)."""
    if error.kind == "oauth":
        return orjson.dumps({"error": error.code, "error_description": error.message})
    return azure.error_body(error, number)


async def _send(turn: Turn, body: Any) -> Outcome:
    delivery = turn.deliver(Pace())
    await delivery.send_body(orjson.dumps(body), after_s=0)
    return delivery.outcome


async def _token(turn: Turn) -> Outcome:
    form = parse_qs(turn.exchange.body.decode("latin-1"))
    asked = {name: form.get(name, [""])[-1] for name in ("grant_type", "client_id", "client_secret", "scope")}
    if asked["grant_type"] != "client_credentials" or not asked["client_id"] or asked["scope"] != SCOPE:
        raise ProviderError(400, "AADSTS900144: The request body lacks a parameter.", kind="oauth",
                            code="invalid_request")  # fmt: skip
    if asked["client_secret"] in ("", "sk-invalid"):
        raise ProviderError(401, "AADSTS7000215: Invalid client secret provided.", kind="oauth", code="invalid_client")
    return await _send(turn, {"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN})


async def _deployment(turn: Turn) -> Outcome:
    found = DEPLOYMENT_PATH.match(turn.exchange.path.decode("latin-1"))
    assert found is not None
    account, name = found.groups()
    known = turn.storage.deployments.get(name)
    if known is not None:
        known.look(time.time())
        if known.state == "Gone":
            del turn.storage.deployments[name]
            known = None
    match turn.exchange.method:
        case b"PUT":
            return await _send(turn, _shown(account, _put(turn, name, known)))
        case b"GET" if known is not None:
            return await _send(turn, _shown(account, known))
        case b"DELETE":
            if known is not None:
                known.is_deleted = True
            return await _send(turn, {})
    raise ProviderError(404, f"The resource '{name}' could not be found.", code="ResourceNotFound")


def _put(turn: Turn, name: str, known: Deployment | None) -> Deployment:
    asked = requests.read_object(turn.exchange.body)
    model, sku = (asked.get("properties") or {}).get("model") or {}, asked.get("sku") or {}
    if model.get("format") != "OpenAI" or model.get("name") not in turn.storage.tuned:
        raise ProviderError(400, f"The model '{model.get('name')}' is not found in the account.",
                            code="DeploymentModelNotFound")  # fmt: skip
    if sku.get("name") not in SKUS:
        message = f"The specified SKU '{sku.get('name')}' is not supported."
        raise ProviderError(400, message, code="InvalidResourceProperties")
    if known is not None and not known.is_deleted:
        return known  # the same again is an update that changes nothing
    now = time.time()
    made = Deployment(name, model["name"], sku, now, now, phase_ms(turn.options))
    turn.storage.deployments[name] = made
    return made


def _shown(account: str, one: Deployment) -> dict[str, Any]:
    return {
        "id": f"{account}/deployments/{one.name}", "name": one.name,
        "type": "Microsoft.CognitiveServices/accounts/deployments", "sku": one.sku,
        "systemData": {"createdAt": time_of(one.created), "createdByType": "Application"},
        "properties": {
            "model": {"format": "OpenAI", "name": one.model, "version": "1"}, "provisioningState": one.state,
        },
    }  # fmt: skip
