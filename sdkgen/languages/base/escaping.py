"""One escaper for each context that text of the document gets into. Pure.

Descriptions, words of enums, names and settings are untrusted: whatever they hold, the output differs from that of
other text in one literal or comment only. Code is never made by pasting text anywhere else than through these.
"""

import json
import re
import textwrap
from collections.abc import Callable

_BREAKS = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
WIDTH = 100


def plain(text: str) -> str:
    """Without control characters, marks that turn the direction of text, and lone surrogates; line breaks are `\\n`."""
    return _CONTROL.sub("", _BREAKS.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", text))


def one_line(text: str) -> str:
    """White space folded into single spaces."""
    return " ".join(plain(text).split())


def sentence(text: str) -> str:
    """The first sentence, on one line."""
    line = one_line(text)
    found = re.match(r".*?[.!?](?=\s|$)", line)
    return found[0] if found else line


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """Paragraphs as lines; an empty line between two. Long words stay whole."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", plain(text).strip()):
        if lines := textwrap.wrap(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False):
            found += [*([""] if found else []), *lines]
    return found


# ---- literals ----------------------------------------------------------------------------------------------------
def json_string(text: str) -> str:
    """A JSON literal of ASCII; a literal of JavaScript, TypeScript and Java source too."""
    return json.dumps(text)


def python_string(text: str) -> str:
    """A literal in double quotes, ASCII only."""
    inner = "".join(_python_character(one) for one in text)
    return f'"{inner}"'


def _python_character(one: str) -> str:
    if one in '"\\':
        return "\\" + one
    if " " <= one <= "~":
        return one
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_string(text: str) -> str:
    """An interpreted literal, ASCII only; a lone surrogate, which Go has not, becomes U+FFFD."""
    out = []
    for one in text:
        code = ord(one)
        if one in '"\\':
            out.append("\\" + one)
        elif " " <= one <= "~":
            out.append(one)
        elif 0xD800 <= code <= 0xDFFF:
            out.append("\\ufffd")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def csharp_string(text: str) -> str:
    """A regular literal, ASCII only."""
    out = []
    for one in text:
        code = ord(one)
        if one in '"\\':
            out.append("\\" + one)
        elif " " <= one <= "~":
            out.append(one)
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def java_string(text: str) -> str:
    """A literal, ASCII only. A backslash before `u` would begin an escape of the compiler's first pass; here it is
    always doubled, and other escapes are the compiler's own `\\uXXXX` of UTF-16."""
    out = []
    for one in text:
        if one in '"\\':
            out.append("\\" + one)
        elif " " <= one <= "~":
            out.append(one)
        elif one in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[one])
        else:
            units = one.encode("utf-16-be", "surrogatepass")
            out += [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
    return '"' + "".join(out) + '"'


def toml_string(text: str) -> str:
    """A basic string."""
    return json.dumps(plain(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def shell_word(text: str) -> str:
    return "'" + plain(text).replace("'", "'\\''") + "'"


# ---- comments ----------------------------------------------------------------------------------------------------
def python_docstring(text: str, indent: str) -> list[str]:
    """The lines of a docstring, quotes included; none for an empty text."""
    lines = [line.replace("\\", "\\\\").replace('"', "'") for line in wrapped(text, WIDTH - len(indent))]
    if not lines:
        return []
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    body = [f"{indent}{line}" if line else "" for line in lines[1:]]
    return [f'{indent}"""{lines[0]}', *body, f'{indent}"""']


def line_comment(text: str, mark: str, indent: str = "") -> list[str]:
    """`// …` or `# …`, one line each."""
    return [f"{indent}{mark} {line}".rstrip() for line in wrapped(text, WIDTH - len(indent))]


def block_comment(text: str, indent: str = "", escape: Callable[[str], str] = str) -> list[str]:
    """`/** … */` of TypeScript and Java: it cannot be ended from inside, nor can a compiler's escape (`\\u002a`) do so,
    and `@` begins no tag."""

    def safe(line: str) -> str:
        line = escape(line.replace("\\", "\\\\")) if escape is str else escape(line)
        return re.sub(r"@(?=\w)", "@ ", line.replace("*/", "* /").replace("/*", "/ *"))

    lines = [safe(line) for line in wrapped(text, WIDTH - len(indent))]
    if not lines:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *[f"{indent} * {line}".rstrip() for line in lines], f"{indent} */"]


def javadoc(text: str, indent: str = "") -> list[str]:
    """As `block_comment`, for readers of HTML, and without a backslash before `u`."""
    return block_comment(text, indent, lambda line: xml_text(line).replace("\\", "&#92;").replace("{@", "{&#64;"))


def xml_doc(text: str, indent: str = "") -> list[str]:
    """`/// <summary>` of C#."""
    lines = [xml_text(line) for line in wrapped(text, WIDTH - len(indent))]
    if not lines:
        return []
    if len(lines) == 1:
        return [f"{indent}/// <summary>{lines[0]}</summary>"]
    body = [f"{indent}/// {line}".rstrip() for line in lines]
    return [f"{indent}/// <summary>", *body, f"{indent}/// </summary>"]


def xml_text(text: str) -> str:
    """Text or an attribute's value."""
    return (
        plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )  # fmt: skip


def markdown(text: str) -> str:
    """One line that Markdown (and a template language over it) shows as it is."""
    line = re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", one_line(text))
    return line.replace("{{", "{\u200b{").replace("{%", "{\u200b%").replace("&", "&amp;")
