"""Gemini's generateContent, as a target. Source: Gemini API reference, "Generating content", "Caching" (Content, Part,
Tool); guides "Function calling", "Thinking", "Thought signatures", "Structured outputs", "File input methods".
"""

from gateway.dataplane.formats.gemini.reply import read_reply
from gateway.dataplane.formats.gemini.stream import reader
from gateway.dataplane.formats.gemini.writing import write_request

NAME = "Gemini generateContent"

__all__ = ["NAME", "read_reply", "reader", "write_request"]
