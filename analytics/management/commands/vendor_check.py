"""`manage.py vendor_check`: the vendored browser files are byte for byte what the manifest says."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.console.vendor import check_vendored


class Command(BaseCommand):
    """Prints one line; exits non-zero when a vendored file is missing, changed or undeclared."""

    help = "Check the vendored browser files against static/vendor/manifest.json."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        problems = check_vendored()
        if problems:
            raise CommandError(" ".join(problems))
        self.stdout.write("Vendored files match their manifest.")
