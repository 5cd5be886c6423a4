"""Verbs of clients made to order: ask for one, look at it before it is made, say whether it still stands."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from gateway.api.authentication import KeyPrincipal
from gateway.models import Job, Organization, User, VirtualKey
from gateway.services.errors import Invalid
from sdkgen import builds
from sdkgen.custom.access import allowed
from sdkgen.custom.making import Size, example_model, make, part_of, size_of
from sdkgen.custom.policy import shape_of_key, shape_of_organization
from sdkgen.custom.shape import Shape, changes
from sdkgen.ir.nodes import Api
from sdkgen.ir.select import SelectionError
from sdkgen.languages.base.common import has
from sdkgen.languages.base.config import Config, ConfigError, read_fields
from sdkgen.languages.base.files import OutputError
from sdkgen.languages.base.names import NameCollisionError
from sdkgen.languages.base.readme import needed_auth
from sdkgen.languages.preview import Preview, preview

FIRST_CALL = "chat.completions.create"
"""What the first program of a language calls."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A client that is not made yet."""

    part: Api
    size: Size
    config: Config


def shape_of(*, user: Any, organization: Organization, said: Mapping[str, Any] | None) -> Shape | None:
    """`said`: `{"api_key": id}` or `{"tenant": true}`; None for no shape. Raises Invalid."""
    if said is None:
        return None
    if said.get("api_key") is not None:
        if said.get("tenant"):
            raise Invalid("contradiction", "Name a key or the tenant, not both.", field="shape")
        return shape_of_key(user=user, organization=organization, key_id=said["api_key"])
    if not said.get("tenant"):
        raise Invalid("invalid", "Name a key (api_key), or the tenant.", field="shape")
    return shape_of_organization(user=user, organization=organization)


def draft(*, language: str, said: Mapping[str, Any], shape: Shape | None) -> Draft:
    """Make the client and keep its size. Raises Invalid, with the nearest names for operations that there are not."""
    wanted = builds.language_of(language)
    api = builds.representation()
    ids = allowed(api, shape.scopes) if shape is not None and shape.key else []
    try:
        config = wanted.checked(read_fields(said))
        if shape is None and not config.operations:
            raise ConfigError("operations", "choose some, or name a shape; sdk/generate makes a client of everything")
        part = part_of(api, config, shape, ids)
        _check_auth(config, part)
        made = make(wanted, api, config, shape, ids)
    except SelectionError as error:
        raise Invalid("unknown_operation", f"{_capital(str(error))}.", field="config.operations") from None
    except ConfigError as error:
        raise Invalid("invalid_configuration", str(error), field=f"config.{error.field}".rstrip(".")) from None
    except (NameCollisionError, OutputError) as error:
        raise Invalid("invalid_configuration", str(error), field="config.operations") from None
    return Draft(part, size_of(made, part, api, wanted), config)


def _check_auth(config: Config, part: Api) -> None:
    lacking = [one for one in needed_auth(part) if config.auth and one not in config.auth]
    if lacking:
        raise ConfigError("auth", f"the operations need {' and '.join(lacking)} too")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def request_client(
    *, organization: Organization, user: Any, language: str, said: Mapping[str, Any], shape: Mapping[str, Any] | None
) -> Job:
    """Queue a client made to order for `user`, a person or a management key. Raises Invalid and Conflict."""
    found = shape_of(user=user, organization=organization, said=shape)
    drafted = draft(language=language, said=said, shape=found)
    custom = {
        "document_sha": builds.representation().document_sha, "shape": found.as_json() if found else None,
        "size": asdict(drafted.size), "model": example_model(found) if has(drafted.part, FIRST_CALL) else "",
    }  # fmt: skip
    return builds.request_build(organization=organization, user=user, language=language, said=said, custom=custom)


def previewed(*, said: Mapping[str, Any], shape: Shape | None) -> Preview | None:
    """Names in all languages; None for a configuration that chooses nothing."""
    api = builds.representation()
    ids = allowed(api, shape.scopes) if shape is not None and shape.key else []
    operations = said.get("operations")
    is_read = isinstance(operations, list) and all(isinstance(one, str) for one in operations)
    try:
        return preview(part_of(api, Config(operations=tuple(operations or ()) if is_read else ()), shape, ids))
    except (SelectionError, ConfigError):
        return None


# ---- whether it still stands -------------------------------------------------------------------------------------
def stale(job: Job) -> list[tuple[str, str]]:
    """`(code, message)` of what has moved since the client was asked for; empty for one that still stands, and for
    builds that were not made to order. Policies are read with the eyes of who asked for it."""
    custom = job.parameters.get("custom")
    if not custom:
        return []
    found = []
    if custom["document_sha"] != builds.representation().document_sha:
        found.append(("document", "The API's document is another one now."))
    if custom["shape"] is not None:
        found += changes(Shape.from_json(custom["shape"]), _now(job, custom["shape"]))
    return found


def _now(job: Job, said: Mapping[str, Any]) -> Shape | None:
    asker = _asker(job)
    if asker is None or job.organization is None:
        return None
    shape = {"api_key": UUID(said["key"])} if said["key"] else {"tenant": True}
    try:
        return shape_of(user=asker, organization=job.organization, said=shape)
    except Invalid:
        return None


def _asker(job: Job) -> User | KeyPrincipal | None:
    if job.requested_by is not None:
        return job.requested_by
    key = VirtualKey.objects.filter(pk=job.parameters.get("key")).select_related("organization").first()
    return KeyPrincipal(key) if key is not None else None
