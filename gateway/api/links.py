"""OpenAPI links: where what a `POST` has made is found afterwards. Pure (no Django)."""

from typing import Any

FOLLOWED = ("get", "patch", "delete")


def declare_links(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: what a `POST` answers with is read, changed and deleted under its `id`."""
    paths, schemas = result["paths"], result.get("components", {}).get("schemas", {})
    for path, item in paths.items():
        links = {
            method: {"operationId": operation["operationId"], "parameters": {"id": "$response.body#/id"}}
            for method, operation in paths.get(f"{path}/{{id}}", {}).items()
            if method in FOLLOWED
        }
        for status, answer in item.get("post", {}).get("responses", {}).items():
            name = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
            fields = schemas.get(name.rpartition("/")[2], {}).get("properties", {})
            if links and status.startswith("2") and "id" in fields:
                answer["links"] = links
    return result
