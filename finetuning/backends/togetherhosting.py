"""Dedicated endpoints of tuned models at Together.

Source: https://docs.together.ai/reference/createendpoint, …/listendpoints, …/deleteendpoint, …/listhardware and
https://docs.together.ai/docs/dedicated-endpoints/v1/manage (read 2026-11-29): the v1 API, which Together supports and
deprecates by the end of 2026. An endpoint's id and the name that calls use are Together's; ours is its display name, by
which one that a killed round has made is found. It is billed by the minute, at what the list of hardware says.
"""

from decimal import Decimal
from typing import Any

from finetuning.backends.base import Hosted, Refused
from finetuning.backends.http import NOT_FOUND, Api, from_text, quoted
from finetuning.models import Hosting
from gateway import provideroptions
from gateway.models import Provider

ENDPOINTS, HARDWARE = "/endpoints", "/hardware"
STATES: dict[str, Any] = {"STARTED": "ready", "STOPPED": "failed", "ERROR": "failed"}
PRICED_BY = "https://docs.together.ai/reference/listhardware"


class TogetherHosting:
    """Endpoints at a provider of kind Together that names its `hardware`."""

    def kind(self, provider: Provider | None) -> str:
        return provider.options.get(provideroptions.HARDWARE, "") if provider is not None else ""

    def check(self, hosting: Hosting) -> None:
        if not self.kind(_provider(hosting)):
            message = "Set the provider's option 'hardware', such as 1x_nvidia_h100_80gb_sxm."
            raise Refused("hardware_missing", message)

    def hosted(self, hosting: Hosting) -> Hosted:
        """A second one of the same name, which two rounds might have made, is deleted at once."""
        api, rows = self._api(hosting), self._mine(hosting)
        if not rows:
            return Hosted("absent")
        for extra in rows[1:]:
            _delete(api, extra)
        return self._seen(api, hosting, rows[0])

    def host(self, hosting: Hosting) -> Hosted:
        body = {
            "model": hosting.tuned.name, "hardware": hosting.kind, "display_name": hosting.name,
            "autoscaling": {"min_replicas": 1, "max_replicas": 1}, "state": "STARTED",
        }  # fmt: skip
        api = self._api(hosting)
        return self._seen(api, hosting, api.post(ENDPOINTS, body))

    def unhost(self, hosting: Hosting) -> Hosted:
        api = self._api(hosting)
        for row in self._mine(hosting):
            _delete(api, row)
        return self.hosted(hosting)

    def _mine(self, hosting: Hosting) -> list[dict[str, Any]]:
        """Those of this name, the oldest first."""
        rows = self._api(hosting).get(ENDPOINTS, type="dedicated", mine="true").get("data") or ()
        mine = [row for row in rows if isinstance(row, dict) and row.get("display_name") == hosting.name]
        return sorted(mine, key=lambda row: str(row.get("created_at") or ""))

    def _seen(self, api: Api, hosting: Hosting, row: Any) -> Hosted:
        if not isinstance(row, dict) or not row.get("id"):
            raise Refused("answer_unknown", "Together's answer is no endpoint.")
        said = str(row.get("state") or "")
        state = STATES.get(said, "creating")  # PENDING, STARTING, STOPPING: it will change by itself
        return Hosted(
            state, from_text(row.get("created_at")) if state == "ready" else None,
            f"Together says that the endpoint is {said}." if state == "failed" else "",
            called=str(row.get("name") or ""), per_hour=hosting.per_hour or _per_hour(api, hosting),
            priced_by=PRICED_BY, bills_tokens=False,
        )  # fmt: skip

    def _api(self, hosting: Hosting) -> Api:
        provider = _provider(hosting)
        return Api(provider, provider.base_url)


def _per_hour(api: Api, hosting: Hosting) -> Decimal | None:
    """Of one replica on its hardware, in US dollars; None where the list does not say."""
    rows = api.get(HARDWARE, model=hosting.tuned.name).get("data") or ()
    priced = (row.get("pricing") or {} for row in rows if row.get("id") == hosting.kind)
    cents = next(priced, {}).get("cents_per_minute")
    if isinstance(cents, bool) or not isinstance(cents, int | float) or cents <= 0:
        return None
    return Decimal(str(cents)) * 60 / 100


def _delete(api: Api, row: dict[str, Any]) -> None:
    try:
        api.delete(f"{ENDPOINTS}/{quoted(str(row.get('id')))}")
    except Refused as error:
        if error.code != NOT_FOUND:
            raise


def _provider(hosting: Hosting) -> Provider:
    if hosting.tuned.provider is None:
        raise Refused("provider_missing", "The tuned model has no provider.")
    return hosting.tuned.provider
