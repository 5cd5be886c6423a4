"""Which models OpenAI's endpoints accept, in the vendor's words."""

from gateway.simulator.calls import ProviderError
from gateway.simulator.catalog import Kind, SimModel, find_model


def require_model(name: str, kind: Kind | None, *, any_model: bool) -> SimModel:
    """The model, of `kind` unless that is `None`. Raises `ProviderError` in the vendor's words."""
    model = find_model(name, any_model=any_model)
    if model is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise ProviderError(404, message, param="model" if kind is None else None, code="model_not_found")
    if kind == "chat" != model.kind:
        message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
        raise ProviderError(404, message, param="model")
    if kind == "embedding" != model.kind:
        raise ProviderError(403, f"You are not allowed to generate embeddings from this model: {name}.")
    return model


def check_length(model: SimModel, tokens: int, param: str) -> None:
    """Raise a 400 `ProviderError` for a prompt longer than the context window."""
    if tokens > model.context_tokens:
        message = (
            f"This model's maximum context length is {model.context_tokens} tokens. However, your {param} resulted in "
            f"{tokens} tokens. Please reduce the length of the {param}."
        )
        raise ProviderError(400, message, param=param, code="context_length_exceeded")
