"""Single sign-on: to the provider and back.

Each attempt has its own state, nonce and PKCE verifier in the browser's session, and is used up by the first answer
that names it; so a state or code that is sent again is nobody's.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateway.models import User
from gateway.oidc import provider
from gateway.oidc.claims import LEEWAY_S, Identity, TokenRefused
from gateway.oidc.configuration import Oidc
from gateway.oidc.provider import ProviderError
from gateway.services import sso
from gateway.services.errors import ServiceError
from gateway.signin import confirmation
from gateway.signin.views import confirmed, second_step

KEY = "sso"
MAX_OPEN = 5
PATIENCE_S = 600
BACKEND = "django.contrib.auth.backends.ModelBackend"
SIGN_IN, CONFIRM, CONNECT = "sign-in", "confirm", "connect"
TROUBLE = "Single sign-on did not work. Try again; if it stays, pass on the request id {}."
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider; `at` in seconds since 1970."""

    nonce: str
    verifier: str
    purpose: str
    next: str
    at: int


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """To the provider. `purpose=confirm` proves it again, `purpose=connect` links an identity; both are for people who
    are signed in, the second after a confirmation."""
    oidc = _configured()
    purpose = request.GET.get("purpose", SIGN_IN)
    back = confirmation.local_path(request, request.GET.get("next", ""))
    if purpose not in (SIGN_IN, CONFIRM, CONNECT) or (purpose != SIGN_IN and not request.user.is_authenticated):
        return redirect("admin:login")
    if purpose == CONNECT and not confirmation.is_fresh(request):
        return confirmation.ask(request)
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(48), purpose, back, _now())
    state = _remember(request, attempt)
    challenge = urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    try:
        url = provider.authorization_url(
            oidc, redirect_uri=_redirect_uri(), state=state, nonce=attempt.nonce, challenge=challenge,
            is_fresh=purpose != SIGN_IN,
        )  # fmt: skip
    except ProviderError as error:
        return _failed(request, attempt, f"{error}")
    return HttpResponseRedirect(url)


@never_cache
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the provider."""
    oidc = _configured()
    attempt = _recall(request)
    if attempt is None:
        return _failed(request, None, "unknown or used state")
    if request.GET.get("iss", oidc.issuer) != oidc.issuer:  # RFC 9207: an answer of another provider
        return _failed(request, attempt, "answer of another issuer")
    code = request.GET.get("code", "")
    if not code or len(code) > 4096:
        return _failed(request, attempt, f"no code: {request.GET.get('error', '')[:60]!r}")
    try:
        identity = provider.identity(
            oidc, code=code, redirect_uri=_redirect_uri(), nonce=attempt.nonce, verifier=attempt.verifier
        )
        return _arrived(request, oidc, attempt, identity)
    except (ProviderError, TokenRefused) as error:
        return _failed(request, attempt, f"{error}")
    except ServiceError as error:
        return _failed(request, attempt, error.code, error.message)


def _arrived(request: HttpRequest, oidc: Oidc, attempt: Attempt, identity: Identity) -> HttpResponse:
    if attempt.purpose == SIGN_IN:
        return _signed_in(request, oidc, attempt, sso.person_of(identity=identity))
    user: Any = request.user
    if not user.is_authenticated or identity.signed_in_at is None or identity.signed_in_at < attempt.at - LEEWAY_S:
        return _failed(request, attempt, "no fresh proof (auth_time)")
    if attempt.purpose == CONNECT:
        sso.connect(user=user, identity=identity)
        messages.success(request, "Single sign-on is connected.")
        return HttpResponseRedirect(attempt.next)
    if not sso.is_identity_of(user=user, identity=identity):
        return _failed(request, attempt, "identity of somebody else")
    return confirmed(request, attempt.next, "sso")


def _signed_in(request: HttpRequest, oidc: Oidc, attempt: Attempt, person: User) -> HttpResponse:
    if oidc.asks_code:
        onward = second_step(request, person, backend=BACKEND, next_path=attempt.next, method="sso")
        if onward is not None:
            return onward
    request.signed_in_by = "sso"  # type: ignore[attr-defined]
    login(request, person, backend=BACKEND)
    return HttpResponseRedirect(attempt.next)


def _configured() -> Oidc:
    if settings.OIDC is None:
        raise Http404("no single sign-on")
    oidc: Oidc = settings.OIDC
    return oidc


def _redirect_uri() -> str:
    """Of the configured console, never of the Host header."""
    return f"{settings.CONSOLE_URL}{reverse('sso-callback')}"


def _remember(request: HttpRequest, attempt: Attempt) -> str:
    state = secrets.token_urlsafe(32)
    kept = dict(list(request.session.get(KEY, {}).items())[-(MAX_OPEN - 1) :])
    request.session[KEY] = {**kept, state: asdict(attempt)}
    return state


def _recall(request: HttpRequest) -> Attempt | None:
    """The attempt that the answer names, once."""
    kept = dict(request.session.get(KEY, {}))
    found = kept.pop(request.GET.get("state", ""), None)
    if found is None:
        return None
    request.session[KEY] = kept
    request.session.save()  # before anything is asked of the provider: a second answer meanwhile finds nothing
    attempt = Attempt(**found)
    return attempt if 0 <= _now() - attempt.at < PATIENCE_S else None


def _failed(request: HttpRequest, attempt: Attempt | None, why: str, message: str = "") -> HttpResponse:
    """Why is for the log; people are told what they can act on."""
    log.warning("sso_refused", reason=why)
    messages.error(request, message or TROUBLE.format(getattr(request, "request_id", "")))
    if request.user.is_authenticated:
        return HttpResponseRedirect(attempt.next if attempt else confirmation.HOME)
    return HttpResponseRedirect(
        f"{reverse('admin:login')}?{urlencode({'next': attempt.next if attempt else '/admin/'})}"
    )


def _now() -> int:
    return int(timezone.now().timestamp())
