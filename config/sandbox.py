"""The sandbox of an installation with a simulated provider: models that cost nothing, most of which fail on purpose."""

from datetime import UTC, datetime

from django.db import transaction

from costs.models import PriceOverride
from costs.services.prices import set_price_override
from gateway.choices import ProviderKind
from gateway.models import Organization
from gateway.services import catalog

PROVIDER = "sandbox"
MODELS = {
    "sandbox": "sim-sandbox",
    "sandbox-429": "sim-fault-error-429@1",
    "sandbox-500-twice": "sim-fault-fail-first@2",
    "sandbox-cut-stream": "sim-fault-cut-stream@8",
    "sandbox-slow-first-byte": "sim-fault-slow-first-byte@8000",
    "sandbox-malformed-event": "sim-fault-malformed-chunk@8",
    "sandbox-unknown-event": "sim-fault-unknown-event@8",
}
"""Public name → what the simulated provider does."""
FREE_FROM = datetime(2026, 1, 1, tzinfo=UTC)


@transaction.atomic
def ensure_sandbox(organization: Organization, simulator_url: str, credential: str) -> None:
    """Provider, models and their price of nothing; what is there stays as it is."""
    provider = organization.providers.filter(slug=PROVIDER).first()
    if provider is None:
        provider = catalog.set_provider(
            organization=organization, actor=None, slug=PROVIDER, name="Sandbox", kind=ProviderKind.COMPATIBLE,
            price_list=PROVIDER, base_url=simulator_url, is_enabled=True, credential=credential,
        ).row  # fmt: skip
    known = set(provider.models.values_list("name", flat=True))
    for name, upstream in MODELS.items():
        if name not in known:
            catalog.add_model(
                organization=organization, actor=None, provider=provider, name=name, upstream_name=upstream,
                capabilities=["chat"], max_output_tokens=4096,
            )  # fmt: skip
    rows = PriceOverride.objects.filter(organization=organization, provider=PROVIDER)
    priced = set(rows.values_list("model", flat=True))
    for upstream in MODELS.values():
        if upstream not in priced:
            set_price_override(
                organization=organization, actor=None, provider=PROVIDER, model=upstream, valid_from=FREE_FROM,
                prices={"input": "0", "output": "0"}, source="Simulated provider: nothing is charged",
            )  # fmt: skip
