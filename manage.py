#!/usr/bin/env python
"""Django's command line for the gateway."""

import importlib.util
import os
import sys
from pathlib import Path


def main() -> None:
    _use_environment()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["up"]:
        # Before Django: the settings need the secrets and the database that `up` provides.
        from config.embedded import up

        up.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["alive"]:
        from config import alive

        alive.main(sys.argv[2:])
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def _use_environment() -> None:
    """Go on with `.venv`'s Python when this one has no Django, so that commands need no activated environment."""
    if importlib.util.find_spec("django") is not None:
        return
    environment = Path(__file__).resolve().parent / ".venv"
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment.resolve():
        os.execv(python, [str(python), *sys.orig_argv[1:]])  # noqa: S606
    sys.exit("Django is not installed for this Python. `make run` sets up everything, in .venv.")


if __name__ == "__main__":
    main()
