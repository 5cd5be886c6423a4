"""`manage.py reset_second_factor`: let a person who lost the authenticator and the recovery codes in again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.models import User
from gateway.services import secondfactor


class Command(BaseCommand):
    """The password alone signs in afterwards, or a new authenticator is set up then."""

    help = "End a person's second factor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"No user {username!r}.")
        if not secondfactor.remove(user=user, actor=None, verb="second_factor.reset"):
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username} signs in without a second factor now.")
