"""`manage.py estimate_cost`: what a usage would cost, line by line."""

import json
from argparse import ArgumentParser
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from costs.estimates import Estimate, estimate_cost
from costs.pricing.meters import USAGE_KEYS
from gateway.management.commands.create_key import organization_of
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """JSON out: the answer of `POST /api/v1/cost/estimate`."""

    help = "Price a usage by the book: estimate_cost openai gpt-4o input_tokens=1000 output_tokens=200"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("provider", help="vendor whose price list applies")
        parser.add_argument("model")
        parser.add_argument("usage", nargs="+", metavar="CLASS=COUNT", help="such as input_tokens=1000")
        parser.add_argument("--context", action="append", default=[], metavar="KEY=VALUE", help="service_tier=flex, …")
        parser.add_argument("--at", default="", metavar="TIME", help="ISO 8601, UTC without a zone; default: now")
        parser.add_argument("--organization", default="", metavar="SLUG", help="whose own prices apply")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        usage = _usage(options["usage"])
        context = dict(_pair(text) for text in options["context"])
        try:
            organization = organization_of(options["organization"]) if options["organization"] else None
        except ServiceError as error:
            raise CommandError(error.message) from error
        found = estimate_cost(
            organization=organization, provider=options["provider"], model=options["model"], usage=usage,
            context=context, at=_time(options["at"]),
        )  # fmt: skip
        self._print_json(found) if options["json"] else self._print(found)

    def _print_json(self, found: Estimate) -> None:
        lines = [
            {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in line._asdict().items()}
            for line in found.lines
        ]
        told = {
            "provider": found.provider, "model": found.model, "at": found.at.isoformat(), "currency": found.currency,
            "total": None if found.total is None else f"{found.total:f}",
            "list_total": None if found.list_total is None else f"{found.list_total:f}",
            "price_status": found.price_status, "lines": lines,
            "notes": [{"code": note.code, "message": note.message} for note in found.notes],
        }  # fmt: skip
        self.stdout.write(json.dumps(told))

    def _print(self, found: Estimate) -> None:
        for line in found.lines:
            price = f"{line.unit_price.normalize():f}"
            self.stdout.write(f"{line.quantity:,} {line.meter} × {price} = {line.cost:f} ({line.rate_id})")
        total = "unknown" if found.total is None else f"{found.total:f} {found.currency}"
        self.stdout.write(f"Total: {total}")
        for note in found.notes:
            self.stdout.write(note.message)


def _usage(texts: list[str]) -> dict[str, int]:
    usage = {}
    for text in texts:
        name, count = _pair(text)
        if name not in USAGE_KEYS:
            raise CommandError(f"There is no class of usage {name!r}; there are {', '.join(sorted(USAGE_KEYS))}.")
        if not count.isdecimal():
            raise CommandError(f"The count of {name} must be a whole number, not {count!r}.")
        usage[name] = int(count)
    return usage


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise CommandError(f"Write KEY=VALUE, not {text!r}.")
    return name, value


def _time(text: str) -> datetime:
    if not text:
        return timezone.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time; write it like 2026-11-01T12:00:00.") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone.get_default_timezone())
