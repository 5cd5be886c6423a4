"""Amazon Bedrock's Converse, as a target. Source: Amazon Bedrock API reference, "Converse", "ConverseStream" (and the
service model `bedrock-runtime/2023-09-30` of botocore); user guide, "Prompt caching", "Structured outputs".
"""

from gateway.dataplane.formats.bedrock.reply import read_reply
from gateway.dataplane.formats.bedrock.stream import reader
from gateway.dataplane.formats.bedrock.writing import write_request

NAME = "Bedrock Converse"

__all__ = ["NAME", "read_reply", "reader", "write_request"]
