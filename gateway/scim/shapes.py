"""Resources and messages as SCIM writes them, and what the service says of itself. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_SERVICE = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
MAX_RESULTS = 200


def listed(resources: Sequence[dict[str, Any]], total: int, start: int) -> dict[str, Any]:
    """`start`: 1 for the first."""
    return {
        "schemas": [_LIST], "totalResults": total, "startIndex": start, "itemsPerPage": len(resources),
        "Resources": list(resources),
    }  # fmt: skip


def error(status: int, detail: str, kind: str) -> dict[str, Any]:
    """The status is a text there."""
    found: dict[str, Any] = {"schemas": [_ERROR], "status": str(status), "detail": detail}
    return found | ({"scimType": kind} if kind else {})


def meta(kind: str, location: str, created: datetime, modified: datetime) -> dict[str, str]:
    return {"resourceType": kind, "location": location, "created": _time(created), "lastModified": _time(modified)}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def service(base: str, documentation: str) -> dict[str, Any]:
    """RFC 7643, section 5."""
    return {
        "schemas": [_SERVICE], "documentationUri": documentation,
        "patch": {"supported": True}, "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS}, "changePassword": {"supported": False},
        "sort": {"supported": False}, "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken", "name": "Management key", "primary": True,
                "description": "Authorization: Bearer with a management key of the organization (manage:write).",
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }  # fmt: skip


def resource_types(base: str) -> list[dict[str, Any]]:
    """RFC 7643, section 6."""
    return [
        {
            "schemas": [_TYPE], "id": name, "name": name, "endpoint": f"/{name}s", "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, schema in (("User", USER), ("Group", GROUP))
    ]  # fmt: skip


def schemas(base: str) -> list[dict[str, Any]]:
    """RFC 7643, section 7: what is kept, and nothing that is passed over."""
    texts = (_attribute("givenName"), _attribute("familyName"))
    named = (_attribute("value"), _attribute("display"))
    person = [
        _attribute("userName", required=True, unique="server"), _attribute("name", "complex", of=texts),
        _attribute("displayName", mutability="readOnly"), _attribute("active", "boolean"),
        _attribute("emails", "complex", many=True, of=(_attribute("value"), _attribute("primary", "boolean"))),
        _attribute("groups", "complex", many=True, mutability="readOnly", of=named),
    ]  # fmt: skip
    group = [
        _attribute("displayName", required=True, unique="server"),
        _attribute("members", "complex", many=True, of=named),
    ]
    return [
        {
            "schemas": [_SCHEMA], "id": schema, "name": name, "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema}"},
        }
        for name, schema, attributes in (("User", USER, person), ("Group", GROUP, group))
    ]  # fmt: skip


def _attribute(
    name: str, kind: str = "string", *, many: bool = False, required: bool = False, unique: str = "none",
    mutability: str = "readWrite", of: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    found: dict[str, Any] = {
        "name": name, "type": kind, "multiValued": many, "required": required, "caseExact": False,
        "mutability": mutability, "returned": "default", "uniqueness": unique,
    }  # fmt: skip
    return found | ({"subAttributes": list(of)} if of else {})
