"""ASGI entry of the data plane: `/v1/*` served here, everything else relayed to the console.

Uses the settings but never `django.setup()`: no app registry, no ORM, no admin in this process.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config import logs
from gateway.dataplane.app import DataPlane

logs.configure()
app = DataPlane()
