"""Which class trains a job: settings name them, so a user can add their own."""

from django.conf import settings
from django.utils.module_loading import import_string

from finetuning.backends.azurehosting import AzureHosting
from finetuning.backends.base import HostsModels, TuningBackend
from finetuning.backends.fireworkshosting import FireworksHosting
from finetuning.backends.togetherhosting import TogetherHosting
from finetuning.choices import Backend
from gateway.models import Provider


def backend_of(name: str) -> TuningBackend:
    """The backend of `Backend`'s value `name`. Raises KeyError for one that is not installed."""
    made: TuningBackend = import_string(settings.FINETUNING_BACKENDS[Backend(name).value])()
    return made


HOSTS: dict[str, type[HostsModels]] = {
    Backend.AZURE: AzureHosting, Backend.TOGETHER: TogetherHosting, Backend.FIREWORKS: FireworksHosting,
}  # fmt: skip
"""Backends at which tuned models are deployed."""


def host_of(name: str) -> HostsModels | None:
    """Who deploys models of the backend `name`; None where nobody does."""
    made = HOSTS.get(name)
    return None if made is None else made()


def needs_host(name: str, provider: Provider | None) -> bool:
    """Whether models that were tuned there answer only once the gateway has deployed them."""
    host = host_of(name)
    return host is not None and bool(host.kind(provider))
