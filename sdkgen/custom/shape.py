"""What a client is made for: one key or organization, with its models, prices, limits and budgets. Pure.

A shape is plain values, kept with the build, so that a build made later or anew is the same, and compared with what
stands later (`changes`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sdkgen.ir.names import words
from sdkgen.ir.nodes import Api, Enum, Method, Model, Prim, Ref
from sdkgen.ir.select import only
from sdkgen.languages.base.escaping import markdown, one_line

MODEL_NAME = "ModelName"
MOST_MODELS = 500
UNKNOWN_PRICE = "price unknown"


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that may be asked for: a model, or a route with the models that it leads to. `price` is in words;
    `context_tokens` None: not known."""

    name: str
    targets: tuple[str, ...]
    context_tokens: int | None
    max_output_tokens: int | None
    price: str

    @property
    def note(self) -> str:
        """For the doc comment of its name."""
        route = f"Route to {', '.join(self.targets)}. " if self.targets else ""
        context = f"{self.context_tokens:,} tokens" if self.context_tokens else "unknown"
        longest = f", answers of up to {self.max_output_tokens:,}" if self.max_output_tokens else ""
        return one_line(f"{route}{self.price[:1].upper()}{self.price[1:]}. Context window: {context}{longest}.")


@dataclass(frozen=True, slots=True)
class Shape:
    """`key` is the id of a key, empty for the organization as a whole; `scopes` are the key's. `limits` and `budgets`
    are sentences."""

    organization: str
    name: str
    currency: str
    timezone: str
    key: str
    subject: str
    scopes: tuple[str, ...]
    models: tuple[Offer, ...]
    limits: tuple[str, ...]
    budgets: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Shape":
        models = tuple(Offer(**{**one, "targets": tuple(one["targets"])}) for one in said["models"])
        lists = {name: tuple(said[name]) for name in ("scopes", "limits", "budgets")}
        return cls(**{**said, **lists, "models": models})


def shaped(api: Api, shape: Shape, ids: Collection[str]) -> Api:
    """The operations `ids`, with the models that may be asked for as an open enumeration."""
    part = only(api, ids)
    known = _distinct(shape.models[:MOST_MODELS])
    if not known:
        return part
    asking = {name for resource in part.resources for method in resource.methods for name in _asks(method)}
    types = tuple(_with_names(one) if isinstance(one, Model) and one.name in asking else one for one in part.types)
    if types == part.types:
        return part
    beside = [one.name for one in shape.models if one not in known]
    more = f" Also: {', '.join(beside)}." if beside else ""
    enum = Enum(
        MODEL_NAME, "#/x-shape/models", tuple(one.name for one in known),
        f"What {shape.subject} may ask for.{more}", tuple(one.note for one in known),
    )  # fmt: skip
    return replace(part, types=tuple(sorted((*types, enum), key=lambda one: one.name)))


def _distinct(models: tuple[Offer, ...]) -> list[Offer]:
    """Without those whose names would be one identifier with an earlier one's, such as `gpt-4.1` and `gpt-4-1`: an
    open enumeration takes these all the same."""
    seen: set[str] = set()
    found = []
    for one in models:
        folded = "".join(words(one.name))
        if folded and folded not in seen:
            seen.add(folded)
            found.append(one)
    return found


def _asks(method: Method) -> Iterator[str]:
    is_training = method.path.startswith("/v1/fine_tuning")  # its model is what a provider trains
    if method.auth == "key" and not is_training and method.body and isinstance(method.body.type, Ref):
        yield method.body.type.name


def _with_names(model: Model) -> Model:
    fields = tuple(
        replace(one, type=Ref(MODEL_NAME)) if one.name == "model" and one.type == Prim("string") else one
        for one in model.fields
    )
    return replace(model, fields=fields)


def about(shape: Shape, document_sha: str) -> str:
    """Markdown for the README."""
    lines = [f"## Made for {markdown(shape.subject)}\n"]
    if shape.scopes:
        lines.append(f"Operations that the scopes {', '.join(f'`{one}`' for one in shape.scopes)} allow.\n")
    lines.append(f"- Organization: {markdown(shape.name)} (`{shape.organization}`); amounts in {shape.currency}; "
                 f"days in {markdown(shape.timezone)}.")  # fmt: skip
    lines += [f"- {markdown(one)}" for one in shape.limits]
    lines += [f"- {markdown(one)}" for one in shape.budgets or ("No budget that you see applies.",)]
    lines += ["", "| model | |", "|---|---|"]
    lines += [f"| `{one.name.replace('`', '').replace('|', '')}` | {markdown(one.note)} |" for one in shape.models]
    lines.append(
        f"\nMade from the document {document_sha[:12]}. The gateway says at the build when scopes, models, prices, "
        "limits or the document are no longer these.\n"
    )
    return "\n".join(lines)


def changes(before: Shape, now: Shape | None) -> list[tuple[str, str]]:
    """`(code, message)` of what no longer stands; `now` None: the key is gone, or may not be seen any more."""
    if now is None:
        return [("key_gone", "The key is revoked, has expired, or is not visible to who asked for the client.")]
    found = []
    if before.scopes != now.scopes:
        found.append(("scopes", f"The key's scopes are {', '.join(now.scopes) or 'none'} now."))
    old, new = ({one.name: one for one in shape.models} for shape in (before, now))
    if lost := sorted(set(old) - set(new)):
        found.append(("models_gone", f"No longer there: {_listed(lost)}."))
    if come := sorted(set(new) - set(old)):
        found.append(("models_new", f"New: {_listed(come)}."))
    both = sorted(set(old) & set(new))
    if dearer := [name for name in both if old[name].price != new[name].price]:
        found.append(("prices", f"Other prices: {_listed(dearer)}."))
    if [name for name in both if replace(old[name], price="") != replace(new[name], price="")]:
        found.append(("models_changed", "Context windows or targets of models have changed."))
    if (before.limits, before.budgets) != (now.limits, now.budgets):
        found.append(("limits", "Limits or budgets have changed."))
    if (before.currency, before.timezone, before.name) != (now.currency, now.timezone, now.name):
        found.append(("organization", "The organization's settings have changed."))
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
