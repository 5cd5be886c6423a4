"""One's own second factor and sessions."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import PEOPLE
from gateway.api.serializers import signin as shapes
from gateway.api.views.account import AccountView
from gateway.models import User
from gateway.services import secondfactor, sessions
from gateway.services.errors import Forbidden
from gateway.signin import throttle
from gateway.signin.views import checked


def _person(request: Request) -> User:
    user: Any = request.user
    return user


def _check_code(request: Request, code: str) -> None:
    """A token that was taken is not enough to take the second factor away. Raises `Forbidden`."""
    if not checked(request._request, _person(request), code).is_good:
        raise Forbidden("second_factor_wrong", "The code does not fit, was used already, or is locked.", field="code")


class SecondFactorView(AccountView):
    """The authenticator."""

    roles = {"get": PEOPLE, "post": PEOPLE}
    confirmed_actions = frozenset({"post"})

    @extend_schema(operation_id="me_second_factor_retrieve", responses=shapes.SecondFactorSerializer)
    def get(self, request: Request) -> Response:
        """Whether I have one, whether I need one."""
        return Response(secondfactor.status(_person(request))._asdict())

    @extend_schema(operation_id="me_second_factor_begin", request=None, responses={201: shapes.EnrolmentSerializer})
    def post(self, request: Request) -> Response:
        """A secret for an authenticator app; it counts once a code of it was confirmed."""
        return Response(secondfactor.begin(user=_person(request))._asdict(), status=201)


class SecondFactorConfirmView(AccountView):
    """The first code."""

    roles = {"post": PEOPLE}
    confirmed_actions = frozenset({"post"})

    @extend_schema(
        operation_id="me_second_factor_confirm", request=shapes.CodeSerializer,
        responses={200: shapes.RecoveryCodesSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Switch it on with the app's first code; ten recovery codes, shown once."""
        user = _person(request)
        code = self.validated(shapes.CodeSerializer)["code"]
        if throttle.is_locked(request._request, user):
            raise Forbidden("second_factor_wrong", "Too many wrong codes; try again later.", field="code")
        return Response({"recovery_codes": secondfactor.confirm(user=user, code=code)})


class SecondFactorDisableView(AccountView):
    """Switching it off."""

    roles = {"post": PEOPLE}
    confirmed_actions = frozenset({"post"})

    @extend_schema(operation_id="me_second_factor_disable", request=shapes.CodeSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Switch it off with a code of it, or a recovery code."""
        _check_code(request, self.validated(shapes.CodeSerializer)["code"])
        secondfactor.remove(user=_person(request), actor=_person(request))
        return Response(status=204)


class RecoveryCodesView(AccountView):
    """Recovery codes."""

    roles = {"post": PEOPLE}
    confirmed_actions = frozenset({"post"})

    @extend_schema(
        operation_id="me_recovery_codes_renew", request=shapes.CodeSerializer,
        responses={200: shapes.RecoveryCodesSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Ten new ones for a code of the authenticator; the old ones end."""
        _check_code(request, self.validated(shapes.CodeSerializer)["code"])
        return Response({"recovery_codes": secondfactor.renew_codes(user=_person(request))})


class SessionsView(AccountView):
    """Browsers that are signed in."""

    roles = {"get": PEOPLE}

    @extend_schema(operation_id="me_sessions_list", responses=shapes.BrowserSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Where I am signed in, the current one first."""
        rows = sessions.sessions_of(_person(request), request._request.session.session_key)
        return Response(shapes.BrowserSerializer(rows, many=True).data)


class SessionsEndView(AccountView):
    """Signing out elsewhere."""

    roles = {"post": PEOPLE}

    @extend_schema(operation_id="me_sessions_end", request=None, responses={200: shapes.EndedSerializer})
    def post(self, request: Request) -> Response:
        """Sign out every other browser, and end every refresh token."""
        user = _person(request)
        key = request._request.session.session_key
        return Response({"ended": sessions.end_others(user=user, actor=user, current_key=key)})
