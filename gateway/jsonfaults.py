"""Why a text was not read as JSON, in words for who sent it. Pure."""

import json
import sys


def fault_of(error: ValueError | RecursionError) -> str:
    """What `json` raised, as the end of a sentence: without the interpreter's advice to whoever wrote the program."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, json.JSONDecodeError) or "set_int_max_str_digits" not in str(error):
        return str(error)
    return f"a number has more than {sys.get_int_max_str_digits():,} digits"
