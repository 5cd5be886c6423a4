"""ASGI entry of the data plane: `/v1/*` served here, everything else relayed to the console."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from gateway.dataplane.app import DataPlane  # noqa: E402  (settings first)

app = DataPlane()
