"""`try_load --model NAME --rate N`: does this installation answer that many calls a second, and how fast?"""

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

import psutil
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import tryload
from config.tryload import Trial, quantile

KEY = "GATEWAY_KEY"


class Command(BaseCommand):
    help = (
        f"Calls the running gateway at a fixed rate with the virtual key in {KEY}; exit status 1 when it is too slow."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the gateway (%(default)s)")
        parser.add_argument("--model", required=True, help="a model of the simulated provider: others cost money")
        parser.add_argument(
            "--rate", type=float, required=True, help="calls a second that are needed, reserve included"
        )
        parser.add_argument("--seconds", type=float, default=20, help="how long (%(default)g)")
        parser.add_argument(
            "--within-ms", type=float, default=0, help="what 99 of 100 calls may take; 0 asks for nothing"
        )

    def handle(self, *args: Any, url: str, model: str, rate: float, seconds: float, within_ms: float, **_: Any) -> None:
        key = os.environ.get(KEY, "")
        if not key:
            raise CommandError(f"{KEY} is not set: it has the virtual key to call with.")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise CommandError(f"{url!r} is no http or https address.")
        if rate <= 0 or seconds <= 0:
            raise CommandError("--rate and --seconds have to be above 0.")
        psutil.cpu_percent()  # what follows says how busy it was from here on
        trial = asyncio.run(tryload.run(url, key, model, rate=rate, seconds=seconds))
        self._print(trial, rate, psutil.cpu_percent())
        if why := _too_little(trial, within_ms):
            raise CommandError(why)

    def _print(self, trial: Trial, rate: float, busy: float) -> None:
        times = trial.times_ms
        self.stdout.write(
            f"{len(times)} calls, {rate:g} a second: {trial.per_second:.1f} a second were answered; p50 "
            f"{quantile(times, 0.5):.0f} ms, p99 {quantile(times, 0.99):.0f} ms, longest {max(times):.0f} ms"
        )
        self.stdout.write(
            f"The {psutil.cpu_count()} processors here were {busy:.0f} % busy, this command included; plan for 60 %."
        )


def _too_little(trial: Trial, within_ms: float) -> str:
    if trial.faults:
        what = "; ".join(f"{count} × {fault}" for fault, count in trial.faults.most_common(3))
        return f"{trial.faults.total()} of {len(trial.times_ms)} calls failed: {what}."
    if trial.is_sender_late:
        return (
            "This command could not send so many: run it on another machine, or several times with a part of the rate."
        )
    p99 = quantile(trial.times_ms, 0.99)
    if within_ms and p99 > within_ms:
        return f"Too slow: one call in a hundred took longer than {p99:.0f} ms, {within_ms:.0f} ms were asked for."
    return ""
