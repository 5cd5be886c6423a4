"""`manage.py lock_sdk_names`: keep the public names that the SDKs have now."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sdkgen.languages.base.names import settle
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.services import current


class Command(BaseCommand):
    """Part of a release: adds what is new to `names.lock.json` of each language, and changes nothing that is in it."""

    help = "Keep the public names of the SDKs"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help="default: all")
        parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when names would change")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            languages = [named(one) for one in options["languages"] or LANGUAGES]
        except KeyError as error:
            raise CommandError(f"{error.args[0]}: no such language; there are {', '.join(LANGUAGES)}.") from None
        _, api = current()
        for language in languages:
            names = settle(language.propose(api), language.lock())
            if options["check"] and (names.changed or names.gone):
                wrong = [key for key, _, _ in names.changed] + list(names.gone)
                raise CommandError(f"{language.about.id}: names would change: {', '.join(wrong[:10])}")
            if not options["check"]:
                file = Path(__file__).resolve().parents[2] / "languages" / language.about.id / "names.lock.json"
                file.write_text(language.lock().with_names(names).dumps(), encoding="utf-8")
            self.stdout.write(
                f"{language.about.id}: {len(names.by_key)} names, {len(names.added)} new, {len(names.changed)} kept "
                f"against the rule, {len(names.gone)} gone"
            )
