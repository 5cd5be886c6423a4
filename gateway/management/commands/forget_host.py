"""`manage.py forget_host`: the signs of life of a host that is gone for good."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gateway.models import Heartbeat

SILENT = timedelta(minutes=1)


class Command(BaseCommand):
    help = "Forget the processes of a host that is gone for good, which would be missed for a day. Spools stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("host", help="as `gateway_heartbeat_age_seconds` and `doctor` name it")

    def handle(self, *args: Any, **options: Any) -> None:
        beats = Heartbeat.objects.filter(info__host=options["host"], info__has_key="place")
        if alive := list(beats.filter(at__gt=timezone.now() - SILENT).order_by("name")):
            raise CommandError(f"{options['host']} lives: {', '.join(beat.name for beat in alive)}.")
        silent = beats.filter(at__lte=timezone.now() - SILENT)  # what has begun meanwhile stays
        forgotten = sorted(silent.values_list("name", flat=True))
        silent.filter(name__in=forgotten).delete()
        self.stdout.write(f"Forgot {len(forgotten)} processes of {options['host']}: {', '.join(forgotten) or 'none'}.")
