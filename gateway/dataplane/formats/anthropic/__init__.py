"""Anthropic's Messages. Source: Anthropic API documentation, "Create a Message", "Streaming messages", "Tool use",
"Structured outputs", "Extended thinking", "Prompt caching".
"""

from gateway.dataplane.formats.anthropic.reply import read_reply, write_reply
from gateway.dataplane.formats.anthropic.request import read_request
from gateway.dataplane.formats.anthropic.stream import reader, writer
from gateway.dataplane.formats.anthropic.writing import write_request

NAME = "Anthropic Messages"

__all__ = ["NAME", "read_reply", "read_request", "reader", "write_reply", "write_request", "writer"]
