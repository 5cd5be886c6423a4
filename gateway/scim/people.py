"""What a directory says of a person, from a whole resource or from changes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.scim.errors import ScimError
from gateway.scim.patches import COMPLEX, Change
from gateway.scim.texts import text

TEXTS = {
    "username": ("user_name", 150), "externalid": ("external_id", 255), "name.givenname": ("first_name", 150),
    "name.familyname": ("last_name", 150),
}  # fmt: skip
EMAILS = ("emails", "emails.value")


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: nothing is said of it."""

    user_name: str | None = None
    external_id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    is_active: bool | None = None


def of_resource(document: Any) -> Wanted:
    """A User resource of POST and PUT; what the gateway does not keep is passed over. Raises `ScimError`."""
    if not isinstance(document, Mapping):
        raise ScimError(400, "The body is no JSON object.", "invalidSyntax")
    found = Wanted()
    for path, value in _leaves(document):
        found = _with(found, path, value)
    if not found.user_name:
        raise ScimError(400, "userName is missing.", "invalidValue")
    return found


def of_changes(found: Iterable[Change]) -> Wanted:
    """Raises `ScimError`."""
    wanted = Wanted()
    for change in found:
        value = ("" if change.path in TEXTS else None) if change.verb == "remove" else change.value
        if not (change.verb == "remove" and value is None):
            wanted = _with(wanted, change.path, value)
    if wanted.user_name == "":
        raise ScimError(400, "userName cannot be removed.", "mutability")
    return wanted


def _leaves(document: Mapping[Any, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in document.items():
        path = f"{prefix}{name}".lower()
        if isinstance(value, Mapping) and path in COMPLEX:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _with(found: Wanted, path: str, value: Any) -> Wanted:
    if path in TEXTS:
        name, size = TEXTS[path]
        said: dict[str, Any] = {name: text(value, path, size)}
        return replace(found, **said)
    if path == "active":
        return replace(found, is_active=boolean(value))
    if path in EMAILS:
        return replace(found, email=_email(value))
    return found


def boolean(value: Any) -> bool:
    """Entra ID sends "True" and "False"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ScimError(400, "active is true or false.", "invalidValue")


def _email(value: Any) -> str:
    """The primary one of a list, else the first."""
    if isinstance(value, list):
        if not all(isinstance(one, Mapping) for one in value):
            raise ScimError(400, 'emails is a list of {"value": address}.', "invalidValue")
        entries = [one for one in value if one.get("value") not in (None, "")]
        primary = [one for one in entries if one.get("primary") in (True, "true", "True")]
        value = (primary or entries or [{"value": ""}])[0]["value"]
    return text(value, "emails.value", 254)
