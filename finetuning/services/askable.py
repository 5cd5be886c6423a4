"""Whether applications can ask for a model by a name: said when the name is given, not when the work begins."""

from typing import Any
from uuid import UUID

from django.db.models import Q

from finetuning.choices import Backend
from finetuning.models import TunedModel
from gateway.choices import ProviderKind
from gateway.models import Model, Route
from gateway.services.errors import Invalid

HEAD_BASE = "local-head-hash"
"""What local heads are made from."""


def is_askable(organization: UUID, name: str) -> bool:
    """Whether an enabled model or route of the organization, or of the platform, has this name. At most two queries."""
    offered = Q(organization=organization) | Q(organization=None)
    return (
        Model.objects.filter(offered, name=name, is_enabled=True).exists()
        or Route.objects.filter(offered, alias=name, is_enabled=True).exists()
    )


def check_askable(organization: UUID, name: str, *, field: str) -> None:
    """Raises `Invalid` for a name that nothing answers to. A tuned model that is served is known also while it is being
    deployed."""
    if is_askable(organization, name):
        return
    if not TunedModel.objects.filter(organization=organization, name=name, archived_at=None).exists():
        raise Invalid("model_not_found", f"There is no enabled model or route {name}.", field=field)


def check_base(organization: UUID, backend: str, base: str, provider: Any) -> None:
    """Of what is made here: that it can be made from `base`. `provider`: of an example bank that names one. Raises
    `Invalid`."""
    if backend == Backend.LOCAL_HEAD and base != HEAD_BASE:
        message = f"A local head is made from {HEAD_BASE}, not from {base}."
        raise Invalid("model_not_found", message, field="base_model")
    if backend == Backend.DICL:
        offered = Q(organization=organization) | Q(organization=None)
        rows = Model.objects.filter(offered, name=base, is_enabled=True).exclude(provider__kind=ProviderKind.LOCAL_HEAD)
        if not (rows if provider is None else rows.filter(provider=provider)).exists():
            message = f"There is no enabled model {base} in the catalogue to show examples to."
            raise Invalid("model_not_found", message, field="base_model")
