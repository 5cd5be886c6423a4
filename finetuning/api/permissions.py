"""What roles decide about the content of a request, beyond which actions it may call."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from gateway.api.organization import access_of
from gateway.services.errors import Forbidden


def check_auto_deploy(request: Request, wished: Mapping[str, Any] | None) -> None:
    """A job that puts its model on a route needs who may do that by hand (`TunedModelViewSet.roles`). Raises
    `Forbidden`."""
    if wished and not access_of(request).is_admin:
        message = (
            "Only administrators put tuned models on routes: leave auto_deploy out, and have one deploy the model when "
            "the job has succeeded."
        )
        raise Forbidden("role_required", message, field="auto_deploy")
