"""OpenAI's Chat Completions. Source: OpenAI API reference, "Create chat completion" and its streaming object.

`reasoning_content` (DeepSeek API, "Thinking mode"; vLLM, "Reasoning outputs") carries reasoning as text, and
`reasoning_details` (OpenRouter, "Reasoning tokens") what a vendor wants back with it: OpenAI's own format has neither.
"""

from gateway.dataplane.formats.openai_chat.reply import read_reply, write_reply
from gateway.dataplane.formats.openai_chat.request import read_request
from gateway.dataplane.formats.openai_chat.stream import reader, writer
from gateway.dataplane.formats.openai_chat.writing import write_request

NAME = "OpenAI Chat Completions"

__all__ = ["NAME", "read_reply", "read_request", "reader", "write_reply", "write_request", "writer"]
