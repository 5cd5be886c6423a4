"""A simulated LLM provider: a real HTTP server with the OpenAI wire format, deterministic by seed.

It owns its own HTTP protocol, text, token counts, latency and faults. It must not import Django, the ORM or
anything else of the gateway, so that it starts in milliseconds and shares no bug with what it is used to test.
"""
