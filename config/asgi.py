"""ASGI entry of the console: Django, behind the data plane's relay."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

from gateway import places
from gateway.heartbeats import Heart

application = get_asgi_application()
Heart(places.take("console", settings.DATA_DIR), settings.DATABASE_DIRECT_URL).start()
