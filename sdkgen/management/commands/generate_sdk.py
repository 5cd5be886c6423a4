"""`manage.py generate_sdk`: a client package of this gateway, as files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sdkgen import ir
from sdkgen.ir.nodes import Api
from sdkgen.languages.base.config import Config, ConfigError, read
from sdkgen.languages.base.files import OutputError, differing, write
from sdkgen.languages.base.language import Generated, generate
from sdkgen.languages.base.names import NameCollisionError, Names
from sdkgen.languages.registry import LANGUAGES, named
from sdkgen.services import current, store_release


class Command(BaseCommand):
    """Without `--release` it needs no database. The same code gives the same bytes."""

    help = "Generate a client package of this gateway"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("language", metavar="LANGUAGE", help=", ".join(LANGUAGES))
        parser.add_argument("--output", required=True, metavar="DIR", help="replaced as a whole")
        parser.add_argument("--config", metavar="FILE", help="JSON: package, module, version, base_url, time-outs …")
        parser.add_argument("--representation", metavar="FILE", help="of a release; default: of the code that runs")
        parser.add_argument("--verify", action="store_true", help="write nothing; exit status 1 when DIR differs")
        parser.add_argument("--release", action="store_true", help="store document and representation of the version")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            language = named(options["language"])
        except KeyError:
            raise CommandError(f"{options['language']}: no such language; there are {', '.join(LANGUAGES)}.") from None
        output = Path(options["output"])
        try:
            config = read(Path(options["config"]).read_text(encoding="utf-8")) if options["config"] else Config()
            document, api = self._source(options["representation"])
            made = generate(language, api, config)
            if options["verify"]:
                self._verify(made, output)
            else:
                write(made.files, output)
        except (ConfigError, OutputError, NameCollisionError, ir.DocumentError, ir.CodecError, OSError) as error:
            raise CommandError(str(error)) from error
        if options["release"]:
            if document is None:
                raise CommandError("--release stores the code that runs; it does not go with --representation.")
            store_release(version=made.config.version, document=document, api=api)
        self._say(language.about.id, made, output, as_json=options["json"])

    def _source(self, file: str | None) -> tuple[dict[str, Any] | None, Api]:
        if file is None:
            return current()
        return None, ir.loads(Path(file).read_text(encoding="utf-8"))

    def _verify(self, made: Generated, output: Path) -> None:
        wrong = differing(output)
        for path, content in made.files.items():
            target = output / path
            if not target.is_file() or target.read_bytes() != content:
                wrong.append(path)
        if wrong:
            shown = ", ".join(sorted(set(wrong))[:10])
            raise CommandError(f"{output} is not what is generated now: {shown}")

    def _say(self, language: str, made: Generated, output: Path, *, as_json: bool) -> None:
        size = sum(map(len, made.files.values()))
        if as_json:
            said = {"language": language, "version": made.config.version, "files": len(made.files), "bytes": size,
                    "names": _told(made.names)}  # fmt: skip
            self.stdout.write(json.dumps(said, indent=2))
            return
        self.stdout.write(
            f"{made.config.package} {made.config.version}: {len(made.files)} files, {size} bytes: {output}"
        )
        for key, kept, by_rule in made.names.changed:
            self.stdout.write(f"kept: {key} stays {kept} (by rule now: {by_rule})")
        for old, new in made.names.moved:
            self.stdout.write(f"kept: {new} has the name of {old}")
        for key in () if made.config.operations else made.names.gone:
            self.stdout.write(f"gone: {key}")


def _told(names: Names) -> dict[str, Any]:
    return {"changed": names.changed, "moved": names.moved, "added": len(names.added), "gone": names.gone}
