"""Whether a session has lately proved who holds it ("sudo mode"), asked before secrets, prices, exports and people.

The proof is a time in the session: signing in sets it, so does the page `/sudo/`. Keys and tokens of the API prove
themselves with every call and are never asked.
"""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from gateway.services.errors import Forbidden

CONFIRMED_AT = "confirmed_at"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS, WRITES = "always", "writes"
HOME = "/admin/"
MAX_ADDRESS = 2_000


class ConfirmationRequired(Forbidden):
    """The session is good, but has not lately been confirmed; the text says where to do it."""

    def __init__(self) -> None:
        url = f"{settings.CONSOLE_URL}{reverse('sudo')}"
        super().__init__(
            "sudo_required", f"Confirm that it is you at {url} and call again; a management key needs no confirmation."
        )


def stamp(request: HttpRequest) -> None:
    """The person of this session has just proved who they are."""
    request.session[CONFIRMED_AT] = int(timezone.now().timestamp())


def is_fresh(request: HttpRequest) -> bool:
    """Whether that was within `SUDO_MINUTES`. No query beyond the session's own."""
    at = request.session.get(CONFIRMED_AT)
    return isinstance(at, int) and 0 <= timezone.now().timestamp() - at < settings.SUDO_MINUTES * 60


def is_needed(request: HttpRequest, when: str) -> bool:
    """`when`: `ALWAYS`, `WRITES`, or empty for never."""
    applies = when == ALWAYS or (when == WRITES and request.method not in SAFE)
    return applies and not is_fresh(request)


def ask(request: HttpRequest) -> HttpResponse:
    """Send the browser to the page that asks. What was sent is not carried out; the page says so, and leads back to
    where the form stood."""
    query = {"next": _where_from(request)}
    if request.method not in SAFE:
        query["unsent"] = "1"
    target = f"{reverse('sudo')}?{urlencode(query)}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def _where_from(request: HttpRequest) -> str:
    """The page the person was on: of a fragment or a form, not its own address."""
    if request.headers.get("HX-Request") == "true":
        return local_path(request, request.headers.get("HX-Current-URL", ""))
    if request.method in SAFE:
        return local_path(request, request.get_full_path())
    return local_path(request, request.headers.get("Referer", ""))


def local_path(request: HttpRequest, url: str, fallback: str = HOME) -> str:
    """The path of an address of this site; `fallback` for anything that leads elsewhere."""
    hosts = {request.get_host()}
    if len(url) > MAX_ADDRESS or not url_has_allowed_host_and_scheme(url, hosts, require_https=request.is_secure()):
        return fallback
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, None) else fallback
