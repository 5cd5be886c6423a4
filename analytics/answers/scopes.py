"""What limits and budgets are about, as a question of the metrics layer asks for it. Pure."""

from gateway.scopes import KEY, MODEL, ORGANIZATION, TAG


def filter_of(scope: str, value: str, keys: tuple[str, ...], *, model: str = "model") -> tuple[str, tuple[str, ...]]:
    """The dimension and its values that the calls of a scope's subject have; "" and none for the whole organization.

    `keys`: the ids of the rotation that `value` names, where the scope is a key. `model`: the dimension that is meant
    by a model, the served one or `model_requested`.
    """
    if scope == ORGANIZATION:
        return "", ()
    if scope == KEY:
        return "api_key", keys
    if scope == TAG:
        name, _, tag = value.partition("=")
        return f"tag.{name}", (tag,)
    return (model if scope == MODEL else scope), (value,)
