"""Signing in and one's own account."""

from functools import partial
from typing import Any

from django.contrib.auth import authenticate, update_session_auth_hash
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from gateway.api.permissions import ANYONE, PEOPLE
from gateway.api.serializers import identity as shapes
from gateway.models import User
from gateway.services import people, secondfactor, sessions, tokens
from gateway.services.errors import Forbidden, Unauthorized
from gateway.signin.throttle import is_own_password
from gateway.signin.views import checked


class AccountView(APIView):
    """Base: which organization does not matter here."""

    is_organization_scoped = False
    roles: dict[str, Any] = {}

    def validated(self, serializer: Any, instance: Any = None) -> dict[str, Any]:
        bound = serializer(
            instance, data=self.request.data, partial=instance is not None, context={"request": self.request}
        )
        bound.is_valid(raise_exception=True)
        return bound.validated_data


class OpenView(AccountView):
    """Base of what anyone may call: no cookie or token is looked at, and calls are limited by address."""

    roles = {"post": ANYONE}
    authentication_classes = ()
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "sign_in"


class TokenView(OpenView):
    """Sign in for programs."""

    extra_problems = {"post": (401,)}

    @extend_schema(
        operation_id="auth_token_create",
        request=shapes.CredentialsSerializer,
        responses={200: shapes.TokenPairSerializer},
    )
    def post(self, request: Request) -> Response:
        """Trade user name and password for a pair of tokens. Ten wrong passwords lock the name and address for 15
        minutes (429 `locked_out`), and so do wrong codes. A person with a second factor gets 401
        `second_factor_required` without its `code`."""
        fields = self.validated(shapes.CredentialsSerializer)
        code = fields.pop("code")
        # axes marks Django's request, so it must be handed that one.
        user: Any = authenticate(request=request._request, **fields)
        if user is None:
            raise Unauthorized("credentials_wrong", "No active account has this user name and password.")
        self._check_second_factor(request, user, code)
        method = "password, code, token" if code and secondfactor.is_enabled(user) else "password, token"
        sessions.record_sign_in(user=user, method=method, address=request.META.get("REMOTE_ADDR", ""))
        return Response(tokens.issue(user=user)._asdict())

    @staticmethod
    def _check_second_factor(request: Request, user: User, code: str) -> None:
        """Raises `Unauthorized`; `Forbidden` where the organization asks for what the person has not set up."""
        if not secondfactor.is_enabled(user):
            if secondfactor.is_required(user):
                raise Forbidden(
                    "second_factor_missing", "Your organization asks for a second factor: sign in to the console once."
                )
            return
        if not code:
            raise Unauthorized("second_factor_required", "Send the code of your authenticator, or a recovery code.")
        if not checked(request._request, user, code).is_good:
            raise Unauthorized("second_factor_wrong", "The code does not fit, was used already, or is locked.")


class TokenRefreshView(OpenView):
    """Renew."""

    extra_problems = {"post": (401,)}

    @extend_schema(
        operation_id="auth_token_refresh",
        request=shapes.RefreshSerializer,
        responses={200: shapes.TokenPairSerializer},
    )
    def post(self, request: Request) -> Response:
        """Trade a refresh token for a new pair; it works once."""
        return Response(tokens.rotate(**self.validated(shapes.RefreshSerializer))._asdict())


class TokenRevokeView(OpenView):
    """Sign out."""

    @extend_schema(operation_id="auth_token_revoke", request=shapes.RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End a refresh token. Says the same whether it was valid or not."""
        tokens.revoke(**self.validated(shapes.RefreshSerializer))
        return Response(status=204)


class PasswordResetView(OpenView):
    """Forgotten password, first step."""

    throttle_scope = "mail"

    @extend_schema(operation_id="auth_password_reset", request=shapes.PasswordResetSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Mail a link to the address if an account has it. Says the same either way."""
        people.request_password_reset(**self.validated(shapes.PasswordResetSerializer))
        return Response(status=204)


class PasswordResetConfirmView(OpenView):
    """Forgotten password, second step."""

    extra_problems = {"post": (404,)}

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        request=shapes.PasswordResetConfirmSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Set a new password with the mailed link, which works once; every session and token ends."""
        fields = self.validated(shapes.PasswordResetConfirmSerializer)
        people.reset_password(uid=fields["uid"], token=fields["token"], new=fields["new_password"])
        return Response(status=204)


class MeView(AccountView):
    """One's own account."""

    roles = {"get": PEOPLE, "patch": PEOPLE}
    serializer_class = shapes.MeSerializer

    @extend_schema(operation_id="me_retrieve", responses=shapes.MeSerializer)
    def get(self, request: Request) -> Response:
        """Who I am, and my roles."""
        return Response(shapes.MeSerializer(request.user).data)

    @extend_schema(operation_id="me_update", request=shapes.MeSerializer, responses=shapes.MeSerializer)
    def patch(self, request: Request) -> Response:
        """Change name and preferences."""
        user: Any = request.user
        changed = people.update_profile(user=user, **self.validated(shapes.MeSerializer, user))
        return Response(shapes.MeSerializer(changed).data)


class MyPasswordView(AccountView):
    """One's own password."""

    roles = {"post": PEOPLE}

    @extend_schema(operation_id="me_change_password", request=shapes.ChangePasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Change the password; every other session and every token ends."""
        fields = self.validated(shapes.ChangePasswordSerializer)
        user: Any = request.user
        knows = partial(user.check_password, fields["current_password"])
        if not is_own_password(request._request, user, knows):
            raise people.password_wrong()
        changed = people.change_password(user=user, current=fields["current_password"], new=fields["new_password"])
        update_session_auth_hash(request._request, changed)
        return Response(status=204)
