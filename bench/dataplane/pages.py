"""People looking at the console through the data plane while calls are made."""

import re
import threading
import time
from http.cookiejar import CookieJar
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

PAGES = ("/admin/", "/admin/requests/")
PAUSE_S = 0.5


def signed_in(url: str, password: str) -> OpenerDirector:
    """What opens pages as `admin`."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))
    login = f"{url}/admin/login/"
    with opener.open(login, timeout=30) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token is not None, "the login page has no form"
    form = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": password, "next": "/admin/"}
    with opener.open(login, urlencode(form).encode(), timeout=30) as page:
        if "/login" in page.url:
            raise RuntimeError("the console refused the generated password")
    return opener


class PageReader:
    """Signs in and fetches pages in a thread, `PAUSE_S` apart, between entering and leaving."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self.served = 0
        self.failures: list[str] = []
        self._opener = signed_in(url, password)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        began = time.monotonic()
        for number in range(1_000_000):
            if self._stop.wait(max(0.0, began + number * PAUSE_S - time.monotonic())):
                return
            path = PAGES[number % len(PAGES)]
            try:
                with self._opener.open(self.url + path, timeout=30) as page:
                    page.read()
                self.served += 1
            except OSError as error:
                self.failures.append(f"{path}: {error}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=35)
