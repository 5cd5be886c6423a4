"""A machine that trains a job: it may report of that job, and nothing else."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from finetuning.models import RunnerLink
from finetuning.services import runner


class RunnerPrincipal:
    """The machine as the caller. `pk` is its link's id, which is nobody's user id."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_superuser = False
    is_staff = False

    def __init__(self, link: RunnerLink) -> None:
        self.link = link
        self.pk = self.id = link.pk

    def __str__(self) -> str:
        return f"runner {self.link.prefix}…"


class RunnerTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer gwrun-…`, the token of one job."""

    def authenticate(self, request: Request) -> tuple[RunnerPrincipal, str] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            return None
        link = runner.link_of(secret.strip())
        if link is None:
            raise AuthenticationFailed("The token is of no job, or was replaced by a newer one.", code="token_invalid")
        return RunnerPrincipal(link), link.prefix

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="runner"'


class RunnerTokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes runners' tokens."""

    target_class = RunnerTokenAuthentication
    name = "runnerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http", "scheme": "bearer", "bearerFormat": "gwrun-…",
            "description": "The token of one runner job, from `POST fine-tuning/jobs/{id}/runner-token`.",
        }  # fmt: skip
