"""OpenAI's Responses, stateless. Source: OpenAI API reference, "Create a model response" and "Streaming events"."""

from gateway.dataplane.formats.openai_responses.reply import read_reply, write_reply
from gateway.dataplane.formats.openai_responses.request import read_request
from gateway.dataplane.formats.openai_responses.stream_in import reader
from gateway.dataplane.formats.openai_responses.stream_out import writer
from gateway.dataplane.formats.openai_responses.writing import write_request

NAME = "OpenAI Responses"

__all__ = ["NAME", "read_reply", "read_request", "reader", "write_reply", "write_request", "writer"]
