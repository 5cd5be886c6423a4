"""Dedicated deployments of tuned models at Fireworks, with the adapter merged in ("live merge").

Source: https://docs.fireworks.ai/api-reference/create-deployment, …/get-deployment, …/delete-deployment and
https://docs.fireworks.ai/fine-tuning/deploying-loras (read 2026-11-29). We name the deployment, so a second try meets
what the first has made; calls name the model and the deployment, with `#` between. It is billed by the second of each
GPU (https://docs.fireworks.ai/faq-new/billing-pricing/are-there-extra-fees-for-serving-fine-tuned-models); no API tells
the price, so the provider's option `gpu_hour_price` states it, and without it the hours are in the ledger unpriced.
"""

from decimal import Decimal
from typing import Any

from finetuning.backends.base import Hosted, Refused
from finetuning.backends.http import NOT_FOUND, Api, from_text, quoted
from finetuning.backends.openai import origin_of
from finetuning.models import Hosting
from gateway import provideroptions
from gateway.models import Provider

STATES: dict[str, Any] = {"READY": "ready", "FAILED": "failed", "DELETED": "absent"}
PRICED_BY = "Stated with the provider (option gpu_hour_price)."


class FireworksHosting:
    """Deployments at a provider of kind Fireworks that names its `accelerator`."""

    def kind(self, provider: Provider | None) -> str:
        return provider.options.get(provideroptions.ACCELERATOR, "") if provider is not None else ""

    def check(self, hosting: Hosting) -> None:
        if not self.kind(_provider(hosting)):
            raise Refused("accelerator_missing", "Set the provider's option 'accelerator', such as NVIDIA_H100_80GB.")

    def hosted(self, hosting: Hosting) -> Hosted:
        try:
            return _seen(hosting, self._api(hosting).get(f"/{_path(hosting)}"))
        except Refused as error:
            if error.code == NOT_FOUND:
                return Hosted("absent")
            raise

    def host(self, hosting: Hosting) -> Hosted:
        """One replica that stays, so that its hours are those that it stands."""
        body = {
            "baseModel": hosting.tuned.name, "displayName": hosting.name, "acceleratorType": hosting.kind,
            "acceleratorCount": 1, "minReplicaCount": 1, "maxReplicaCount": 1,
        }  # fmt: skip
        made = self._api(hosting).post(f"/{_account(hosting)}/deployments", body, deploymentId=hosting.name)
        return _seen(hosting, made)

    def unhost(self, hosting: Hosting) -> Hosted:
        """For good, and though it was called a moment ago: the name is free again."""
        try:
            self._api(hosting).delete(f"/{_path(hosting)}", hard="true", ignoreChecks="true")
        except Refused as error:
            if error.code != NOT_FOUND:
                raise
        return self.hosted(hosting)

    def _api(self, hosting: Hosting) -> Api:
        provider = _provider(hosting)
        return Api(provider, f"{origin_of(provider.base_url)}/v1")


def _account(hosting: Hosting) -> str:
    """`accounts/…`, of the model's name `accounts/…/models/…`."""
    parts = hosting.tuned.name.split("/")
    if len(parts) != 4 or parts[0] != "accounts":
        raise Refused("name_unknown", f"{hosting.tuned.name} is no name of a model at Fireworks.")
    return f"accounts/{quoted(parts[1])}"


def _path(hosting: Hosting) -> str:
    return f"{_account(hosting)}/deployments/{quoted(hosting.name)}"


def _seen(hosting: Hosting, row: Any) -> Hosted:
    if not isinstance(row, dict) or not row.get("name"):
        raise Refused("answer_unknown", "Fireworks' answer is no deployment.")
    said, told = str(row.get("state") or ""), row.get("status") or {}
    state = STATES.get(said, "creating")  # CREATING, UPDATING, DELETING: it will change by itself
    stated = _provider(hosting).options.get(provideroptions.GPU_HOUR_PRICE)
    message = f"Fireworks says that the deployment is {said}: {told.get('message') or told.get('code')}."
    return Hosted(
        state, from_text(row.get("createTime")) if state == "ready" else None, message if state == "failed" else "",
        called=f"{hosting.tuned.name}#{row['name']}", per_hour=None if stated is None else Decimal(stated),
        priced_by=PRICED_BY if stated else "", bills_tokens=False,
    )  # fmt: skip


def _provider(hosting: Hosting) -> Provider:
    if hosting.tuned.provider is None:
        raise Refused("provider_missing", "The tuned model has no provider.")
    return hosting.tuned.provider
