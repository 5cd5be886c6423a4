"""Run the simulated LLM provider in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.simulator.options import add_arguments, options_from
from gateway.simulator.run import run


class Command(BaseCommand):
    """`manage.py simulate_provider`: the same options as `python -m gateway.simulator`."""

    help = "Runs a simulated LLM provider (OpenAI wire format) with realistic latency and injectable faults."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take over the simulator's own options."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal comes."""
        try:
            run(options_from(options))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
