"""A streamed answer, by the SDK."""

import sys

from llm_gateway import Gateway, errors

client = Gateway()
try:
    with client.chat.completions.stream(
        model=sys.argv[1], messages=[{"role": "user", "content": "Count to ten."}]
    ) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                print(choice.delta.content or "", end="", flush=True)
    print()
    print(f"cost {stream.gateway.cost}, request {stream.gateway.request_id}")
except errors.APIError as error:
    print(f"{error.status} {error.code}, request {error.request_id}")
