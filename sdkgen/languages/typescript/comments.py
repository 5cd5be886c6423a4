"""Comments of TypeScript. Pure."""

from sdkgen.languages.base.escaping import block_comment


def doc(text: str, indent: str = "", *, deprecated: bool = False) -> list[str]:
    """`/** … */`; none for nothing to say. A deprecation is a tag of its own, which no text can write."""
    lines = block_comment(text, indent, lambda line: line)  # a backslash means nothing here
    if not deprecated:
        return lines
    if not lines:
        return [f"{indent}/** @deprecated */"]
    body = lines[1:-1] if len(lines) > 1 else [f"{indent} * {lines[0].strip()[4:-3]}"]
    return [f"{indent}/**", *body, f"{indent} * @deprecated", f"{indent} */"]
