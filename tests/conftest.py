"""Test run bootstrap: one throw-away PostgreSQL for the whole run, secrets for tests, counted skips.

Django is set up here, on import, so that the conftests and fixture modules below may import models.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # hundreds of processes of a run would compile everything again
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(ROOT / ".pytest_cache" / "bytecode")
    sys.dont_write_bytecode = False

from config.embedded.postgres import EmbeddedPostgres  # noqa: E402
from tests import template  # noqa: E402

pytest_plugins = ["tests.fixtures_simulator"]

SHARED = ROOT.parent / "shared"
SHARED_ABSENT = "../shared is absent"
CHROMIUM_ABSENT = "no Chromium on this machine"
OFFICE_ABSENT = "no LibreOffice or poppler on this machine"
PRESIDIO_ABSENT = "requirements-presidio.txt is not installed"
PGBOUNCER_ABSENT = "no PgBouncer on this machine"
TIME_IS_UP = "SLOW_UNTIL is over"
OFFICE = ("soffice", "pdftoppm", "pdftotext")
_PREFIX = f"llmgateway-tests-{os.geteuid()}-"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in a shell's background; its children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("gateway", deadline=None)  # a busy machine is no failure
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile("gateway")


@pytest.fixture
def plain_static_files(settings: Any) -> None:
    """Pages name static files as they are, without a manifest that somebody has to collect first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


def _sweep() -> None:
    """Remove what a killed run left; the directory's name ends with the process id of its run."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX)
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            EmbeddedPostgres(path).remove()


def _cluster() -> EmbeddedPostgres | None:
    """The run's own server, not started yet; None in workers and when DATABASE_URL names another one."""
    if "PYTEST_XDIST_WORKER" in os.environ or os.environ.get("DATABASE_URL"):
        return None
    _sweep()
    directory = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getpid()}"
    directory.mkdir(mode=0o755)
    return EmbeddedPostgres(directory, ephemeral=True, say=lambda line: print(line, file=sys.stderr))


def _set_environment(cluster: EmbeddedPostgres | None) -> None:
    if cluster is not None:
        os.environ["DATABASE_URL"] = cluster.url
        os.environ["DATABASE_DIRECT_URL"] = cluster.url
        os.environ["DATA_DIR"] = str(cluster.data_dir)
        os.environ[template.VARIABLE] = template.NAME  # for the workers of this run
    for name in ("REDIS_URL", "EMAIL_URL", "GATEWAY_PRIVATE_UPSTREAMS"):
        os.environ[name] = ""  # set, so that a developer's `.env` does not reach the tests
    os.environ["SECRET_KEY"] = "test-secret-key-" + "x" * 40
    os.environ["KEY_PEPPERS"] = "1:" + "11" * 32 + ",2:" + "22" * 32
    os.environ["FIELD_ENCRYPTION_KEYS"] = "dGVzdHMtb25seS1maWVsZC1lbmNyeXB0aW9uLWtleSE="
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


CLUSTER = _cluster()
_set_environment(CLUSTER)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.hashers import Argon2PasswordHasher  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402
from whitenoise.middleware import WhiteNoiseMiddleware  # noqa: E402

Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1
settings.GATEWAY_NEW_ORGANIZATION = []  # tests say themselves what their companies begin with
if template.VARIABLE in os.environ:
    connection.settings_dict["TEST"].update(TEMPLATE=os.environ[template.VARIABLE], MIGRATE=False)
_find_static = WhiteNoiseMiddleware.add_files_from_finders
_static_files: dict[str, Any] = {}


def _find_static_once(middleware: WhiteNoiseMiddleware) -> None:
    """Every test client makes its middleware; walking the static folders for each took most of many tests' time."""
    if not _static_files:
        _find_static(middleware)
        _static_files.update(middleware.files)
    middleware.files.update(_static_files)


WhiteNoiseMiddleware.add_files_from_finders = _find_static_once
_KEPT = {"django_content_type", "auth_permission"}  # what flushing makes again after each test


def _delete_rows(case: TransactionTestCase) -> None:
    """Empty the tables between tests that commit. Flushing truncates every table there is, which takes most of such a
    test's time, and the audit trail's guard refuses it; the ledger is unmanaged."""
    tables = {*connection.introspection.django_table_names(only_existing=True), "gateway_ledgerline"} - _KEPT
    filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in sorted(tables))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
        cursor.execute(filled)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")


TransactionTestCase._fixture_teardown = _delete_rows  # type: ignore[method-assign]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server before workers and tests want it; collecting alone does not need one."""
    if CLUSTER is not None and not session.config.option.collectonly:
        CLUSTER.start()
        template.prepare(CLUSTER)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop and delete the server; a killed run's server is ended by the kernel and swept by the next run."""
    if CLUSTER is not None:
        CLUSTER.remove()


def chromium() -> str | None:
    """Path of the browser for page tests."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, and so count, what this machine cannot run. A browser is slow."""
    shared, browser = SHARED.is_dir(), chromium() is not None
    office = all(shutil.which(name) for name in OFFICE)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.slow)
        if not shared and item.get_closest_marker("needs_shared"):
            item.add_marker(pytest.mark.skip(reason=SHARED_ABSENT))
        if not browser and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=CHROMIUM_ABSENT))
        if not office and item.get_closest_marker("needs_office"):
            item.add_marker(pytest.mark.skip(reason=OFFICE_ABSENT))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Slow tests begin until `SLOW_UNTIL` (Unix seconds): a machine with a limit still ends, and says what it left.
    Those marked `slow(always=True)` begin whenever it is."""
    slow = item.get_closest_marker("slow")
    is_over = time.time() > float(os.environ.get("SLOW_UNTIL") or "inf")
    if is_over and slow is not None and not slow.kwargs.get("always"):
        pytest.skip(TIME_IS_UP)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests this machine could not run, even when it is none."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason in (SHARED_ABSENT, CHROMIUM_ABSENT, OFFICE_ABSENT, PRESIDIO_ABSENT, PGBOUNCER_ABSENT, TIME_IS_UP):
        count = sum(reason in str(report.longrepr) for report in skipped)
        terminalreporter.write_line(f"skipped because {reason}: {count}")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """`../shared`; use with the marker `needs_shared`."""
    return SHARED
