"""ASGI entry of the data plane: `/v1/*` served here, everything else relayed to the console.

Uses the settings but never `django.setup()`: no app registry, no ORM, no admin in this process.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from typing import Any

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from config import logs
from gateway.dataplane.app import DataPlane

logs.configure()
app: Any = DataPlane()
if settings.GATEWAY_TRUSTED_PROXIES:  # address and scheme of the caller are what these say
    app = ProxyHeadersMiddleware(app, settings.GATEWAY_TRUSTED_PROXIES)
