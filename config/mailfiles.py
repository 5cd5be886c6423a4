"""Mails as files, for installations without a mail server: they hold links that sign people in, so the user who runs
the gateway reads them, and nobody else."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend


class PrivateFileBackend(EmailBackend):
    """Django's, with a folder and files of the owner alone."""

    def __init__(self, *args: Any, file_path: str | None = None, **kwargs: Any) -> None:
        folder = Path(file_path or settings.EMAIL_FILE_PATH)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
        super().__init__(*args, file_path=str(folder), **kwargs)  # type: ignore[misc]

    def open(self) -> bool:
        if self.stream is not None:
            return False
        name: str = self._get_filename()  # type: ignore[attr-defined]
        made = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.stream: Any = os.fdopen(made, "ab")
        return True
