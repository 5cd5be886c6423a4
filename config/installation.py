"""Steps that bring a database and a data directory to the state this release needs; each can be repeated.

Used by `manage.py prepare` (and so by `manage.py up`); the steps say what they did in one line each.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import transaction

from config import migrating
from config.demo.seed import seed
from config.demo.setup import CREDENTIAL
from config.embedded.secretfile import write_private
from config.sandbox import ensure_sandbox
from gateway.choices import JobStatus
from gateway.models import Job, Model, Organization, Provider, User
from gateway.services import catalog, identity, keys

ADMIN = "admin"
DEMO_SLUG = "demo"
DEMO_KEY_NAME = "First call"
DEMO_FIRST_DAYS = 7
DEMO_DAYS = 90
DEMO_SEED = 7

Say = Callable[[str, str], None]


def migrate(say: Say) -> int:
    """Apply what is not applied yet; the number of migrations."""
    began = time.monotonic()
    applied = migrating.migrate()
    if applied:
        say("Database", f"{applied} migrations applied in {time.monotonic() - began:.1f} s")
    return applied


def collect_static(say: Say) -> bool:
    """Copy and compress static files when one of them changed; True when it did."""
    stamp = Path(settings.STATIC_ROOT) / ".sources"
    digest = _static_digest()
    if stamp.exists() and stamp.read_text() == digest:
        return False
    began = time.monotonic()
    call_command("collectstatic", interactive=False, verbosity=0, clear=False)
    stamp.write_text(digest)
    say("Static files", f"collected in {time.monotonic() - began:.1f} s")
    return True


def _static_digest() -> str:
    """Digest of names, sizes and modification times of all static sources."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def ensure_admin(path: Path) -> bool:
    """Make the first administrator with a generated password, kept in `path` (0600); True when made now.

    An administrator exists already: nothing happens, whatever the file says.
    """
    if User.objects.filter(is_superuser=True).exists():
        return False
    password = secrets.token_urlsafe(12)
    write_private(path, f"{password}\n")
    User.objects.create_superuser(username=ADMIN, password=password)
    return True


@transaction.atomic
def ensure_demo_key(path: Path) -> str:
    """A key of the demo organization's default project, kept in `path` (0600); the secret.

    A new one is made when the file is missing or its key does not work any more.
    """
    secret = path.read_text().strip() if path.exists() else ""
    if secret and keys.authenticate(secret):
        return secret
    organization = Organization.objects.get(slug=DEMO_SLUG)
    project = identity.ensure_default_project(organization=organization, actor=None)
    issued = keys.create_key(organization=organization, project=project, actor=None, name=DEMO_KEY_NAME)
    write_private(path, f"{issued.secret}\n")
    return issued.secret


def ensure_demo(simulator_url: str, say: Say) -> bool:
    """A week of the demo organization at once; True while the rest of its 90 days is still to come.

    Its providers point at `simulator_url`, which may change from start to start.
    """
    if Organization.objects.filter(slug=DEMO_SLUG).exists():
        _point_demo_at(simulator_url)
    else:
        began = time.monotonic()
        seed(days=DEMO_DAYS, days_first=DEMO_FIRST_DAYS, seed=DEMO_SEED, simulator_url=simulator_url)
        say("Demo company", f"{DEMO_FIRST_DAYS} days made in {time.monotonic() - began:.1f} s")
    ensure_sandbox(Organization.objects.get(slug=DEMO_SLUG), simulator_url, CREDENTIAL)
    return not Job.objects.filter(kind="seed_demo", status=JobStatus.SUCCEEDED).exists()


def _point_demo_at(simulator_url: str) -> None:
    for provider in Provider.objects.filter(organization__slug=DEMO_SLUG).exclude(base_url=simulator_url):
        if provider.base_url.startswith("http://127.0.0.1:"):  # one that a person changed is left alone
            catalog.set_provider(
                organization=provider.organization, actor=None, slug=provider.slug, base_url=simulator_url
            )


def demo_model() -> str:
    """A model that the demo organization may call; the small one of its catalogue when it has it."""
    names = list(Model.objects.filter(organization__slug=DEMO_SLUG, is_enabled=True).values_list("name", flat=True))
    return "gpt-4o-mini" if "gpt-4o-mini" in names else min(names, default="")
