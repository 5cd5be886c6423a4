"""System checks. Each has an id and a hint; those of the tag `security` are run by `check --deploy`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from config import env


@register("security", deploy=True)
def placeholder_secrets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The development defaults are public; refuse them outside development."""
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == env.INSECURE_SECRET_KEY:
        found.append(Error("SECRET_KEY is the development default.", hint="Set SECRET_KEY.", id="gateway.E001"))
    if bytes.fromhex(env.INSECURE_PEPPER) in settings.KEY_PEPPERS.values():
        found.append(Error("KEY_PEPPERS has the development default.", hint="Set KEY_PEPPERS.", id="gateway.E002"))
    if env.INSECURE_FIELD_KEY in settings.FIELD_ENCRYPTION_KEYS:
        hint = "Set FIELD_ENCRYPTION_KEYS to a Fernet key."
        found.append(Error("FIELD_ENCRYPTION_KEYS has the development default.", hint=hint, id="gateway.E003"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Warning("ALLOWED_HOSTS accepts any host.", hint="Name the console's hosts.", id="gateway.W001"))
    return found


@register("gateway")
def several_processes_share_a_redis(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without Redis every data plane would count limits for itself."""
    if settings.GATEWAY_PROCESSES <= 1 or settings.REDIS_URL:
        return []
    message = f"{settings.GATEWAY_PROCESSES} data-plane processes cannot share rate limits without Redis."
    return [Error(message, hint="Set REDIS_URL, or run one data plane (GATEWAY_PROCESSES=1).", id="gateway.E004")]
