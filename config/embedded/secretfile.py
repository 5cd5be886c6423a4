"""Secrets of an installation without a secret manager: made once, kept in `$DATA_DIR/secrets.env` (0600)."""

import base64
import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "KEY_PEPPERS": lambda: f"1:{secrets.token_hex(32)}",
    "FIELD_ENCRYPTION_KEYS": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),  # a Fernet key
}
HEADER = "# Made once by `manage.py up`. Keep a copy apart from backups: without it keys and credentials are lost.\n"


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, readable by this user alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def ensure_secrets(data_dir: Path) -> list[str]:
    """Write the secrets that neither the environment nor the file has; the names of those made now."""
    path = data_dir / "secrets.env"
    text = path.read_text() if path.exists() else HEADER
    present = {line.split("=", 1)[0].strip() for line in text.splitlines() if "=" in line and line[0] != "#"}
    made = [name for name in MAKERS if name not in present and not os.environ.get(name)]
    if made:
        write_private(path, text + "".join(f"{name}={MAKERS[name]()}\n" for name in made))
    return made


def replace_secrets(data_dir: Path, values: dict[str, str]) -> None:
    """Write these values in place of the file's, in one step; its other lines stay as they are."""
    path = data_dir / "secrets.env"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if line.split("=", 1)[0].strip() not in values or line.startswith("#")]
    write_private(path, "".join(f"{line}\n" for line in [*kept, *(f"{name}={values[name]}" for name in values)]))


@contextlib.contextmanager
def secrets_lock(data_dir: Path) -> Iterator[None]:
    """Held by whoever changes the file; the kernel frees it however the process ends."""
    with (data_dir / "secrets.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
