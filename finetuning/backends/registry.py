"""Which class trains a job: settings name them, so a user can add their own."""

from django.conf import settings
from django.utils.module_loading import import_string

from finetuning.backends.azurehosting import AzureHosting
from finetuning.backends.base import HostsModels, TuningBackend
from finetuning.choices import Backend


def backend_of(name: str) -> TuningBackend:
    """The backend of `Backend`'s value `name`. Raises KeyError for one that is not installed."""
    made: TuningBackend = import_string(settings.FINETUNING_BACKENDS[Backend(name).value])()
    return made


HOSTS: dict[str, type[HostsModels]] = {Backend.AZURE: AzureHosting}
"""Backends whose tuned models answer only once they are deployed."""


def host_of(name: str) -> HostsModels | None:
    """Who deploys models of the backend `name`; None where they answer without."""
    made = HOSTS.get(name)
    return None if made is None else made()
