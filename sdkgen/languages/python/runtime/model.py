"""Answers as typed views of the JSON that came: nothing is decoded before it is looked at, nothing is lost.

A generated class has annotations only. They are read when one of its fields is first asked for: that keeps the import
cheap (no code is made for hundreds of classes) and streams fast. What the server sends beyond them stays and goes back
out with `to_dict()`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .meta import GatewayInfo

    Decoder = Callable[[Any], Any]

M = TypeVar("M", bound="Model")
_PLAIN = frozenset({"str", "int", "float", "bool", "Any", "object", "bytes", "None"})


class _Slotted(type):
    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> _Slotted:
        space.setdefault("__slots__", ())
        return super().__new__(cls, name, bases, space)


class Model(metaclass=_Slotted):
    """An object of an answer. A field that did not come is None, or an AttributeError when the API promises it;
    `"field" in answer` tells absent from null. Read-only: `to_dict()` gives a copy to change."""

    __slots__ = ("_info", "_raw", "_seen")

    if TYPE_CHECKING:
        _raw: Mapping[str, Any]
        _info: GatewayInfo | None
        _seen: dict[str, Any] | None

    def __init__(self, raw: Mapping[str, Any], info: GatewayInfo | None = None, /) -> None:
        object.__setattr__(self, "_raw", raw)
        object.__setattr__(self, "_info", info)
        object.__setattr__(self, "_seen", None)

    @classmethod
    def from_dict(cls: type[M], raw: Mapping[str, Any], /) -> M:
        """A view of JSON values that are at hand, such as those that were stored."""
        return cls(raw)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            seen = self._seen
            if seen is not None and name in seen:
                return seen[name]
            cls = type(self)
            plan = cls.__dict__.get("_plan")
            if plan is None:
                plan = _plan_of(cls)
                type.__setattr__(cls, "_plan", plan)
            try:
                wire, decode, is_optional = plan[name]
            except KeyError:
                raise AttributeError(f"{cls.__name__} has no field {name!r}") from None
            try:
                value = self._raw[wire]
            except KeyError:
                if is_optional:
                    return None
                raise AttributeError(f"the answer has no {wire!r}, which {cls.__name__} promises") from None
            if decode is None or value is None:
                return value
            if seen is None:
                seen = {}
                object.__setattr__(self, "_seen", seen)
            seen[name] = found = decode(value)
            return found

        def __setattr__(self, name: str, value: Any) -> None:
            raise AttributeError("answers are read-only; to_dict() gives a copy to change")

    @property
    def gateway(self) -> GatewayInfo:
        """What the gateway said beside this answer: cost, cache, provider, request id. Of the whole answer only."""
        if self._info is None:
            raise AttributeError("only a whole answer knows what the gateway said beside it")
        return self._info

    def __getitem__(self, wire: str) -> Any:
        """The JSON value of any field, known or not, by its wire name."""
        return self._raw[wire]

    def __contains__(self, wire: object) -> bool:
        return wire in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def to_dict(self) -> dict[str, Any]:
        """A deep copy of the JSON that came, unknown fields included."""
        copied: dict[str, Any] = _copy(self._raw)
        return copied

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Model) and other._raw == self._raw

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self._raw.items())
        return f"{type(self).__name__}({inner})"


class Unknown(Model):
    """A variant or an event that this version of the package does not know; its fields by `unknown["name"]`."""


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner) for inner in value]
    return value


# ---- annotations → decoders --------------------------------------------------------------------------------------
def _plan_of(cls: type) -> dict[str, tuple[str, Decoder | None, bool]]:
    """Attribute → (wire name, decoder or None, may be missing)."""
    module = sys.modules[cls.__module__]
    names: Mapping[str, str] = cls.__dict__.get("_names", {})
    plan = {}
    for name, said in cls.__annotations__.items():
        is_optional = said.endswith(" | None")
        plan[name] = (names.get(name, name), decoder(said, module), is_optional)
    return plan


def decoder(said: str, module: Any) -> Decoder | None:
    """Of a type as it is written in an annotation of `module`; None for what stays as it came."""
    if said.startswith("Literal["):
        return None
    options = [one for one in _options(said) if one != "None"]
    if len(options) > 1:
        return _untagged(options, module)
    said = options[0] if options else "None"
    if said in _PLAIN or said.startswith("Literal["):
        return None
    if said.startswith("list["):
        return _listed(decoder(said[5:-1], module))
    if said.startswith("dict[str, "):
        return _mapped(decoder(said[10:-1], module))
    if said in _SCALARS:
        return _SCALARS[said]
    return _named(said, module)


def _options(said: str) -> list[str]:
    """Of a union: what stands between its bars, those in brackets left alone."""
    found, depth, start = [], 0, 0
    for place, one in enumerate(said):
        if one == "[":
            depth += 1
        elif one == "]":
            depth -= 1
        elif one == "|" and not depth:
            found.append(said[start:place].strip())
            start = place + 1
    return [*found, said[start:].strip()]


def _named(name: str, module: Any) -> Decoder | None:
    """A type of this module, or of the one that several share."""
    found = module.__dict__.get(name)
    if found is None:
        from importlib import import_module

        module = import_module(".shared", module.__package__)
        found = module.__dict__[name]
    if isinstance(found, str):  # an alias: a list of words, or a union
        tags: tuple[str, Mapping[str, str]] | None = module.__dict__.get("_tags", {}).get(name)
        return _tagged(*tags, module) if tags else decoder(found, module)
    made: Decoder = found
    return made


def _listed(inner: Decoder | None) -> Decoder | None:
    if inner is None:
        return None

    def decode(value: Any) -> Any:
        return [None if one is None else inner(one) for one in value] if isinstance(value, list) else value

    return decode


def _mapped(inner: Decoder | None) -> Decoder | None:
    if inner is None:
        return None

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: None if one is None else inner(one) for key, one in value.items()}

    return decode


def _tagged(field: str, classes: Mapping[str, str], module: Any) -> Decoder:
    known: dict[str, Any] = {}

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        tag = value.get(field)
        if not isinstance(tag, str):
            return Unknown(value)
        made = known.get(tag)
        if made is None:
            if tag not in classes:
                return Unknown(value)
            found: Any = _named(classes[tag], module)
            known[tag] = made = found
        return made(value)

    return decode


def _untagged(options: list[str], module: Any) -> Decoder | None:
    inner = [(option, decoder(option, module)) for option in options]
    if all(decode is None for _, decode in inner):
        return None
    of_list = next((decode for option, decode in inner if option.startswith("list[")), None)
    models = [decode for _, decode in inner if isinstance(decode, type) and decode is not Unknown]
    others = [decode for option, decode in inner if decode is not None and option in _SCALARS]
    nested = [
        decode for option, decode in inner
        if decode is not None and not isinstance(decode, type) and option not in _SCALARS and decode is not of_list
    ]  # fmt: skip

    def decode(value: Any) -> Any:
        if isinstance(value, list):
            return of_list(value) if of_list is not None else value
        if not isinstance(value, dict):
            return others[0](value) if others else value
        if models:
            return max(models, key=lambda made: _fit(made, value))(value)
        return nested[0](value) if nested else value

    return decode


def _fit(cls: Any, value: Mapping[str, Any]) -> tuple[bool, int]:
    """Whether all that the class promises is there, and how much of what is there it knows."""
    plan = cls.__dict__.get("_plan") or _plan_of(cls)
    promised = all(wire in value for wire, _, is_optional in plan.values() if not is_optional)
    return promised, sum(wire in value for wire, _, _ in plan.values())


def _decimal(value: Any) -> Any:
    from decimal import Decimal

    return Decimal(str(value))


def _datetime(value: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(value)


def _date(value: Any) -> Any:
    from datetime import date

    return date.fromisoformat(value)


_SCALARS: dict[str, Decoder] = {"Decimal": _decimal, "datetime": _datetime, "date": _date}


def encodable(value: Any) -> Any:
    """`default=` of `json.dumps`: what callers may put among JSON values."""
    if isinstance(value, Model):
        return value._raw
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if type(value).__name__ in ("Decimal", "UUID"):
        return str(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
