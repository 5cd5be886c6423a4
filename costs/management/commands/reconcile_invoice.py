"""`manage.py reconcile_invoice`: a provider's export against the ledger, on the command line."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from costs.api.serializers.invoices import BY
from costs.invoices import answers
from costs.invoices.formats import AUTO, FORMATS
from costs.models import Invoice
from costs.services import invoices
from gateway.imports.fields import parse_mapping
from gateway.management.commands.create_key import organization_of
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """Stores the invoice (the same file once), compares it anew, prints causes. Exit code 1 when it cannot be read."""

    help = "Set a provider's usage or cost export against the ledger: reconcile_invoice costs.json --organization acme"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--format", default=AUTO, choices=[AUTO, *FORMATS])
        parser.add_argument("--provider", action="append", default=[], help="of the ledger; default: by the vendor")
        parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="of the format table")
        parser.add_argument("--by", default="day", choices=BY, help="how fine the cells of --json are")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            mapping = parse_mapping(options["map"])
            organization = organization_of(options["organization"])
            with path.open("rb") as file:
                row, is_new = invoices.upload_invoice(
                    organization=organization, actor=None, limit_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
                    at_once_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
                    upload=invoices.Upload(
                        file, path.name, options["format"], mapping, tuple(options["provider"])
                    ),
                )  # fmt: skip
            if not is_new:
                row = invoices.reconcile_invoice(invoice=row)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except ServiceError as error:
            raise CommandError(error.message) from error
        except ValueError as error:
            raise CommandError(f"--map: {error}") from error
        self._print_json(row, options["by"]) if options["json"] else self._print(row)

    def _print_json(self, row: Invoice, by: str) -> None:
        told = {
            "id": str(row.pk), "file": row.file_name, "format": row.format, "providers": row.providers,
            "start": str(row.start), "end": str(row.end), "currency": row.currency, "billed": f"{row.billed:f}",
            "ledger": f"{row.ledger:f}", "drift": f"{row.drift:f}",
            "drift_percent": None if row.drift_percent is None else f"{row.drift_percent:f}",
            "causes": row.causes, "notes": row.notes,
            "cells": [
                {"day": str(one.day), "model": one.model, "meter": one.meter, "ledger_cost": f"{one.ledger_cost:f}",
                 "billed_cost": None if one.billed_cost is None else f"{one.billed_cost:f}",
                 "drift": f"{one.drift:f}", "cause": one.cause}
                for one in answers.cells(row, by=by)
            ],
        }  # fmt: skip
        self.stdout.write(json.dumps(told))

    def _print(self, row: Invoice) -> None:
        share = "" if row.drift_percent is None else f" ({row.drift_percent:+.2f} %)"
        self.stdout.write(
            f"{row.file_name} ({row.format}), {row.start} to before {row.end}: {row.billed:,.4f} "
            f"{row.currency} billed, {row.ledger:,.4f} in the ledger, drift {row.drift:+,.4f}{share}"
        )
        for one in row.causes:
            self.stdout.write(f"{one['amount']:>20}  {one['title']}: {one['parts'][0]['arithmetic']}")
        for note in row.notes:
            self.stdout.write(note["message"])
