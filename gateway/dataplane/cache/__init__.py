"""The response cache: an answer that was complete and successful is served again to the same question (rule 21).

Off unless an organization has a policy. What is kept is what the client was sent, so an entry is bound to the client's
wire format, the models that may answer, and the guardrails in force.
"""
