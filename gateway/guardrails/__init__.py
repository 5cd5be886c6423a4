"""Guardrails: what may not go to a provider or to a client. Pure: text in, findings out; no Django, no network.

`checks/` has one kind a file, `screen` runs the checks of a call over its texts, `texts` knows where texts stand in a
request or an answer, `streaming` does it for a stream without letting half of a finding pass.
"""
