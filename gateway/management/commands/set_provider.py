"""`manage.py set_provider`: create or update an upstream."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.choices import ProviderKind
from gateway.management.commands.create_key import organization_of
from gateway.services import catalog
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """JSON out: `{"id", "slug", "kind", "base_url", "created"}`. Run again with the same name it updates."""

    help = "Create or update a provider; platform-wide unless an organization is named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Slug of the provider.")
        parser.add_argument("--kind", choices=ProviderKind.values, default=ProviderKind.OPENAI.value)
        parser.add_argument("--base-url", required=True, help="For OpenAI-compatible: including /v1.")
        parser.add_argument("--api-key-env", default="", metavar="VAR", help="Variable that holds the credential.")
        parser.add_argument("--price-list", default=None, help="Vendor whose price list applies.")
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE", help="Option of this kind; may be repeated."
        )
        parser.add_argument("--title", default="", help="Name for people; the slug by default.")
        parser.add_argument("--organization", default="", metavar="SLUG")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = catalog.set_provider(
                organization=organization_of(options["organization"]) if options["organization"] else None,
                actor=None,
                slug=options["name"],
                **_fields(options),
            )
        except ServiceError as error:
            raise CommandError(error.message) from None
        if done.allowed:
            self.stderr.write(f"{done.allowed} is a private address; it is now on the list of allowed upstreams.")
        provider = done.row
        if not provider.credential:
            self.stderr.write(
                "No credential is stored for it: --api-key-env stores one. A provider that asks for one answers 401."
            )
        answer = {
            "id": str(provider.pk), "slug": provider.slug, "kind": provider.kind,
            "base_url": provider.base_url, "created": done.created,
        }  # fmt: skip
        words = f"Provider {provider.slug} {'created' if done.created else 'updated'}: {provider.base_url}"
        self.stdout.write(json.dumps(answer) if options["json"] else words)


def _fields(options: dict[str, Any]) -> catalog.ProviderFields:
    fields: catalog.ProviderFields = {"kind": options["kind"], "base_url": options["base_url"]}
    if options["title"]:
        fields["name"] = options["title"]
    if options["price_list"] is not None:
        fields["price_list"] = options["price_list"]
    if options["option"]:
        pairs = [text.partition("=") for text in options["option"]]
        fields["options"] = {name.strip(): value.strip() for name, _, value in pairs}
    if variable := options["api_key_env"]:
        secret = os.environ.get(variable)
        if not secret:
            raise CommandError(f"The variable {variable} is empty or not set.")
        fields["credential"] = secret
    return fields
