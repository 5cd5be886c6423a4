"""What a call is about in each scope: ids as text, tags as `name=value`, the models that may serve it."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from gateway.dataplane import call as call_module
from gateway.scopes import END_USER, KEY, MODEL, ORGANIZATION, PROJECT, TAG, TEAM, USER

if TYPE_CHECKING:
    from gateway.dataplane.call import Call
    from gateway.dataplane.views import KeyView


def subjects_of(call: "Call", key: "KeyView", scopes: Collection[str]) -> dict[str, list[str]]:
    """By scope, for `scopes` alone: nothing else is looked up."""
    known = {
        ORGANIZATION: key.organization, TEAM: key.team, PROJECT: key.project, KEY: key.lineage, USER: key.user,
    }  # fmt: skip
    found = {scope: [value] for scope, value in known.items() if value is not None and scope in scopes}
    if END_USER in scopes and (end_user := call_module.end_user(call)) is not None:
        found[END_USER] = [end_user]
    if TAG in scopes:
        found[TAG] = [f"{name}={value}" for name, value in (call_module.tags(call) or {}).items()]
    if MODEL in scopes:
        found[MODEL] = list({target.name for target in call.candidates})
    return found
