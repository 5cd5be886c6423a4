"""Nested code on lines: on one where it fits, else one item a line. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Group:
    """`open`, items parted by commas, `close`. Each item is (label, node): `("model=", …)`. `pad` stands within the
    brackets on one line. `is_below`: the last character of `open` begins a line of its own when the group is broken.
    `last` follows the last item of a broken group."""

    open: str
    items: tuple[tuple[str, "Node"], ...]
    close: str
    pad: str = ""
    is_below: bool = False
    last: str = ","


@dataclass(frozen=True, slots=True)
class Chain:
    """`head.first(…).second(…)`; broken, each call is on a line of its own."""

    head: "Node"
    calls: tuple[Group, ...]


Node = str | Group | Chain


@dataclass(frozen=True, slots=True)
class Style:
    """How a language breaks. `is_aligned`: values of neighbouring lines begin in one column, as gofmt does it. `chain`
    indents calls of a chain, in languages that have them; there, one of several arguments is not broken in place."""

    indent: str
    width: int = 100
    is_aligned: bool = False
    chain: str = ""


def text(node: Node, style: Style, used: int = 0) -> str:
    """`used` are the columns before it on its first line, and after it on its last one. Lines after the first are
    indented against it."""
    line = flat(node)
    if isinstance(node, str) or used + len(line) <= style.width:
        return line
    if isinstance(node, Chain):
        return _chain(node, style, used)
    return _broken(node, style, used)


def flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Chain):
        return flat(node.head) + "".join(map(flat, node.calls))
    if not node.items:
        return f"{node.open}{node.close}"
    inner = ", ".join(label + flat(item) for label, item in node.items)
    opened = node.open
    if node.is_below and len(opened) > 1 and opened[-2].isalnum() | (opened[-2] in ">)]"):
        opened = f"{opened[:-1]} {opened[-1]}"
    return f"{opened}{node.pad}{inner}{node.pad}{node.close}"


def _chain(node: Chain, style: Style, used: int) -> str:
    """The first call stays behind a head that is broken itself."""
    head = text(node.head, style, used)
    indent = style.chain or style.indent
    narrow = replace(style, width=style.width - len(indent))
    calls = [_indented(text(one, narrow), indent) for one in node.calls]
    if "\n" in head:
        head += calls.pop(0)
    return head + "".join(f"\n{indent}{one}" for one in calls)


def _broken(node: Group, style: Style, used: int) -> str:
    if not node.items:
        return flat(node)
    if hugged := _hugged(node, style, used):
        return hugged
    narrow = replace(style, width=style.width - len(style.indent.expandtabs(4)))
    spelled = [(label, text(item, narrow, len(label) + 1)) for label, item in node.items]
    widths = _widths([label for label, _ in spelled], [code for _, code in spelled]) if style.is_aligned else {}
    lines = [label.ljust(widths.get(index, 0)) + code for index, (label, code) in enumerate(spelled)]
    inner = ",\n".join(style.indent + _indented(line, style.indent) for line in lines)
    opened = f"{node.open[:-1].rstrip()}\n{node.open[-1]}" if node.is_below else node.open
    return f"{opened}\n{inner}{node.last}\n{node.close}"


def _hugged(node: Group, style: Style, used: int) -> str:
    """The one item that is worth breaking is broken in place, as arguments of a call are."""
    groups = [index for index, (_, item) in enumerate(node.items) if isinstance(item, Group) and item.items]
    is_call = node.open.endswith(("(", "[")) and not (style.chain and len(node.items) > 1)
    if node.is_below or len(groups) != 1 or not is_call or any(isinstance(item, Chain) for _, item in node.items):
        return ""
    (index,) = groups
    before = node.open + "".join(f"{label}{flat(item)}, " for label, item in node.items[:index])
    after = "".join(f", {label}{flat(item)}" for label, item in node.items[index + 1 :]) + node.close
    label, item = node.items[index]
    if label.endswith("="):
        return ""  # a keyword argument reads better on its own line
    first = before + label
    assert isinstance(item, Group)
    found = first + _broken(item, style, used + len(first)) + after
    lines = found.split("\n")
    too_wide = used + len(lines[0]) > style.width or len(lines[-1]) > style.width
    return "" if too_wide else found


def _widths(labels: Sequence[str], codes: Sequence[str]) -> dict[int, int]:
    """Of the labels: lines that follow each other and hold one value each share a column (gofmt's `exprList`)."""
    widths: dict[int, int] = {}
    block: list[int] = []
    for index in range(len(labels) + 1):
        if index < len(labels) and "\n" not in codes[index] and labels[index]:
            block.append(index)
            continue
        widest = max((len(labels[one]) for one in block), default=0)
        widths.update(dict.fromkeys(block, widest))
        block = []
    return widths


def _indented(code: str, indent: str) -> str:
    """Lines after the first; no literal that is made here has a line break in it."""
    return code.replace("\n", f"\n{indent}")
