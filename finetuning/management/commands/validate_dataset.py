"""`manage.py validate_dataset`: what is wrong with a training file, before it is uploaded."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from finetuning.quality import Options, Report, as_dict, as_lines, inspect
from finetuning.quality.mend import Mended, mend
from finetuning.quality.options import DEFAULT_MODEL, MAX_EXAMPLE_TOKENS, METHODS


class Command(BaseCommand):
    """Reads files alone: no database, no network. Exit status 1: a vendor would refuse the file, or it has secrets."""

    help = "Inspect a JSONL file for fine-tuning: format, tokens, duplicates, wrong labels, leaks, secrets"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="JSONL: chat, preference or reinforcement")
        parser.add_argument("--validation", metavar="FILE", help="the file that is kept for measuring")
        parser.add_argument("--model", default=DEFAULT_MODEL, help="whose tokens are counted; default: %(default)s")
        parser.add_argument("--method", default="", choices=METHODS, help="default: what most lines are")
        parser.add_argument("--max-tokens", type=int, default=MAX_EXAMPLE_TOKENS, metavar="N", help="of one example")
        parser.add_argument("--epochs", type=int, metavar="N", help="default: OpenAI's rule")
        parser.add_argument("--price-per-million", metavar="USD", help="of a million training tokens; else no amounts")
        parser.add_argument("--no-label-noise", action="store_true", help="leave out the slowest check")
        parser.add_argument("--optimize", metavar="FILE", help="write a mended version there and say what was done")
        parser.add_argument("--strict", action="store_true", help="exit status 1 for warnings too")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = Options(
                model=options["model"], method=options["method"], max_tokens=options["max_tokens"],
                epochs=options["epochs"], price_per_million=_price(options["price_per_million"]),
                label_noise=not options["no_label_noise"],
            )  # fmt: skip
        except ValueError as error:
            raise CommandError(str(error)) from error
        path, validation = Path(options["file"]), options["validation"]
        mended: Mended | None = None
        try:
            if options["optimize"]:
                mended = mend(path, options["optimize"], validation=validation, options=chosen)
            report = mended.before if mended else inspect(path, validation=validation, options=chosen)
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror or error}") from error
        self._json(report, mended) if options["json"] else self._text(report, mended)
        judged = mended.after if mended else report
        if not judged.is_valid or (options["strict"] and judged.flagged):
            raise SystemExit(1)

    def _json(self, report: Report, mended: Mended | None) -> None:
        told = as_dict(report)
        if mended is not None:
            told["optimized"] = {
                "report": as_dict(mended.after), "left": mended.left,
                "changes": [asdict(change) for change in mended.changes],
            }  # fmt: skip
        self.stdout.write(json.dumps(told, ensure_ascii=False))

    def _text(self, report: Report, mended: Mended | None) -> None:
        for line in as_lines(report):
            self.stdout.write(line)
        if report.validation is not None:
            self.stdout.write("\nThe validation file")
            for line in as_lines(report.validation):
                self.stdout.write(line)
        if mended is not None:
            self._changes(mended)

    def _changes(self, mended: Mended) -> None:
        removed = sum(1 for change in mended.changes if change.action == "removed")
        before, after = mended.before, mended.after
        self.stdout.write(
            f"\n{after.path}: {removed:,} lines left out, {len(mended.changes) - removed:,} changed. "
            f"Tokens to train {before.tokens.billable:,} → {after.tokens.billable:,}, score {before.score:g} → "
            f"{after.score:g}."
        )
        for change in mended.changes[:20]:
            self.stdout.write(f"  line {change.line}: {'; '.join(change.done)}")
        if len(mended.changes) > 20:
            self.stdout.write(f"  … and {len(mended.changes) - 20:,} more (--json tells all)")
        if mended.left:
            left = ", ".join(f"{kind} {number:,}" for kind, number in mended.left.items())
            self.stdout.write(f"Left for a person to judge: {left}")


def _price(text: str | None) -> Decimal | None:
    try:
        price = None if text is None else Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if price is not None and not (price.is_finite() and price >= 0):
        raise CommandError(f"--price-per-million {text}: not an amount of US dollars")
    return price
