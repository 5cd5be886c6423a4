"""JWT pairs of the management API: issue, rotate, revoke. A refresh token works once, and is stored nowhere: its row
has its `jti`, which signs nobody in.
"""

from typing import Any, NamedTuple, Self

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import BlacklistMixin, RefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from gateway.models import User
from gateway.services.errors import Unauthorized

CLAIM = "hash_password"  # simplejwt's REVOKE_TOKEN_CLAIM: a changed password ends every token made before


class InvalidToken(Unauthorized):
    """The refresh token is malformed, expired, used, revoked, or its person may no longer sign in."""

    def __init__(self) -> None:
        super().__init__("token_invalid", "The refresh token is not valid any more; sign in again.")


class UnstoredToken(RefreshToken):
    """A refresh token whose row does not hold its text, as the library's does."""

    @classmethod
    def for_user(cls, user: Any) -> Self:
        """A token of the person, and its row. One query."""
        token: Self = super(BlacklistMixin, cls).for_user(user)  # past the one that stores it
        OutstandingToken.objects.create(
            user=user, jti=token["jti"], token="", created_at=token.current_time,
            expires_at=datetime_from_epoch(token["exp"]),
        )  # fmt: skip
        return token


class Pair(NamedTuple):
    """An access token (minutes) and the refresh token (days) that renews it once."""

    access: str
    refresh: str


def issue(*, user: User) -> Pair:
    """A fresh pair for a person who has just proved who they are."""
    refresh = UnstoredToken.for_user(user)
    return Pair(str(refresh.access_token), str(refresh))


@transaction.atomic
def rotate(*, refresh: str) -> Pair:
    """Trade a refresh token for a new pair. Of two trades at the same time one wins. Raises `InvalidToken`."""
    token, row = _locked(refresh)
    user = User.objects.filter(outstandingtoken=row, is_active=True).first()
    if user is None or token.get(CLAIM) != get_md5_hash_password(user.password):
        raise InvalidToken
    BlacklistedToken.objects.create(token=row)
    return issue(user=user)


@transaction.atomic
def revoke(*, refresh: str) -> None:
    """End a refresh token; one that has ended already stays ended. Raises `InvalidToken` for anything else."""
    try:
        _, row = _locked(refresh)
    except InvalidToken:
        return
    BlacklistedToken.objects.get_or_create(token=row)


def revoke_all(*, user: User) -> int:
    """End every refresh token of a person; returns how many there were."""
    rows = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    ended = BlacklistedToken.objects.bulk_create([BlacklistedToken(token=row) for row in rows], ignore_conflicts=True)
    return len(ended)


def _locked(refresh: str) -> tuple[RefreshToken, OutstandingToken]:
    """The verified token with its row locked, so that its state cannot change before we commit."""
    try:
        token = RefreshToken(refresh)  # type: ignore[arg-type]  # the stub wants a Token, the library takes text
    except TokenError:
        raise InvalidToken from None
    row = OutstandingToken.objects.select_for_update().filter(jti=token["jti"]).first()
    if row is None or BlacklistedToken.objects.filter(token=row).exists():
        raise InvalidToken
    return token, row
