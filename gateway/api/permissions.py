"""Default deny: an action that its view does not name in `roles` is refused to everybody.

Roles decide here, per action; which rows exist for the caller is decided by `visible_to`, so a row out of sight is a
404 and a 403 never confirms that something exists.
"""

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from gateway.api.authentication import KeyPrincipal
from gateway.api.organization import access_of
from gateway.choices import Role
from gateway.signin import confirmation

ANYONE = "anyone"
SIGNED_IN = "signed in"
PEOPLE = "people"  # signed in, and not as a key
KEYS = "keys"  # with a management key
SUPERUSER: frozenset[Role] = frozenset()
OWNERS = frozenset({Role.OWNER})
ADMINS = OWNERS | {Role.ADMIN}
ANALYSTS = ADMINS | {Role.ANALYST}
KEY_MAKERS = ADMINS | {Role.MANAGER, Role.DEVELOPER}
MEMBERS = frozenset(Role)

Who = str | frozenset[Role]


class RolePermission(BasePermission):
    """`view.roles: dict[action, ANYONE | SIGNED_IN | PEOPLE | frozenset[Role]]`; superusers pass every role set.

    `view.confirmed_actions`: before them a session must lately have been confirmed; keys and tokens are not asked.
    `view.only_reads`: its POSTs ask questions and change nothing, so `manage:read` is enough for keys.
    """

    message = "Your role does not allow this."
    code = "role_required"

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method not in view.allowed_methods:
            return True  # the answer is 405, which tells nobody anything
        who = required(request, view)
        if who == ANYONE:
            return True
        user: Any = request.user  # a person or a KeyPrincipal
        if who is None or not user or not user.is_authenticated:
            return False
        if isinstance(user, KeyPrincipal) and not self._key_may(user, request, view, who):
            return False
        if not self._may(request, who):
            return False
        check_confirmed(request, view)
        return True

    @staticmethod
    def _may(request: Request, who: Who) -> bool:
        if who == KEYS:
            return isinstance(request.user, KeyPrincipal)
        if isinstance(who, str):
            return who in (SIGNED_IN, PEOPLE)
        access = access_of(request)
        return access.is_superuser or access.role in who

    def _key_may(self, user: KeyPrincipal, request: Request, view: Any, who: Who) -> bool:
        if who == PEOPLE:
            self.message, self.code = "This is for people, not for keys.", "person_required"
            return False
        is_write = request.method not in SAFE_METHODS and not getattr(view, "only_reads", False)
        if is_write and not user.can_write:
            self.message, self.code = "The key has no manage:write scope.", "key_scope_missing"
            return False
        return True


def required(request: Request, view: Any) -> Who | None:
    """What the view asks for this action; None (deny) when it says nothing. OPTIONS describes, so it asks for what
    reading asks for."""
    roles: dict[str, Who] = getattr(view, "roles", {})
    action = action_of(request, view)
    if action in ("metadata", "options"):
        return SIGNED_IN
    return roles.get(action)


def action_of(request: Request, view: Any) -> str:
    """What `roles` and `confirmed_actions` call it: the action of a view set, else the method. HEAD is GET without its
    body (RFC 9110, 9.3.2)."""
    method = (request.method or "").lower()
    return getattr(view, "action", None) or ("get" if method == "head" else method)


def check_confirmed(request: Request, view: Any) -> None:
    """Raises `ConfirmationRequired` where a session has to be confirmed first."""
    if action_of(request, view) not in getattr(view, "confirmed_actions", ()):
        return
    is_session = isinstance(request.successful_authenticator, SessionAuthentication)
    if is_session and not confirmation.is_fresh(request._request):
        raise confirmation.ConfirmationRequired


def is_by_role(request: Request, view: Any) -> bool:
    """Whether a role in an organization decides about this action."""
    return isinstance(required(request, view), frozenset)
