"""`POST /mcp`: the streamable HTTP transport, without sessions and without server-sent events: each message is answered
in its response. Source: modelcontextprotocol.io, specification 2025-11-25, "Transports"."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request

from gateway.api.authentication import presented_key
from gateway.choices import Scope
from gateway.services import keys
from sdkgen.mcp.calls import Gateway
from sdkgen.mcp.protocol import INVALID, LONGEST_MESSAGE, VERSIONS, dumped, failure
from sdkgen.mcp.service import server

USEFUL = frozenset({Scope.INFERENCE.value, Scope.MANAGE_READ.value, Scope.MANAGE_WRITE.value})
MOST_PATTERNS = 20


@csrf_exempt  # a key is wanted, cookies mean nothing here
def mcp(request: HttpRequest) -> HttpResponse:
    """`?write=true` adds tools that change something, `?only=PATTERN` (repeatable) leaves the others out. Calls go to
    the gateway with the caller's own key."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not _is_same_origin(request):
        return _refused(403, "Pages of other origins may not call this server.")
    secret = presented_key(Request(request)) or ""
    key = keys.authenticate(secret) if secret else None
    if key is None or USEFUL.isdisjoint(key.scopes):
        why = (
            "The key has none of the scopes inference, manage:read, manage:write." if key else "A valid key is wanted."
        )
        answer = _refused(401, why)
        answer["WWW-Authenticate"] = 'Bearer realm="mcp"'
        return answer
    if (version := request.headers.get("MCP-Protocol-Version", VERSIONS[0])) not in VERSIONS:
        return _refused(400, f"The protocol version {version[:40]!r} is not spoken; these are: {', '.join(VERSIONS)}.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_MESSAGE:
        return _refused(413, f"A message has at most {LONGEST_MESSAGE} bytes.")
    found = server(
        gateway=Gateway(settings.GATEWAY_INTERNAL_URL, secret, secret), scopes=key.scopes,
        may_write=request.GET.get("write") == "true" and Scope.MANAGE_WRITE.value in key.scopes,
        only=request.GET.getlist("only")[:MOST_PATTERNS],
    )  # fmt: skip
    text = found.answer_text(request.body)
    if text is None:
        return HttpResponse(status=202)
    return HttpResponse(text, content_type="application/json")


def _is_same_origin(request: HttpRequest) -> bool:
    """Browsers say where a page is from; a name that was rebound to this machine is another origin."""
    origin = request.headers.get("Origin", "")
    return not origin or urlsplit(origin).netloc == request.get_host()


def _refused(status: int, message: str) -> HttpResponse:
    return HttpResponse(dumped(failure(None, INVALID, message)), status=status, content_type="application/json")
