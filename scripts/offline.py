"""Run a management command that needs the settings but no database: `python scripts/offline.py COMMAND …`.

The address leads nowhere, so that a developer's database is never asked, and without a pool that is known at once.
"""

import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["DATABASE_URL"] = os.environ["DATABASE_DIRECT_URL"] = "postgresql://nobody@127.0.0.1:1/none"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.management import execute_from_command_line

settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
warnings.filterwarnings("ignore", message="Got an error checking a consistent migration history")
execute_from_command_line(["manage.py", *sys.argv[1:]])
