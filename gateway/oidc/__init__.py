"""OpenID Connect 1.0, authorization code flow with PKCE: what is asked of a provider, and what is believed of it.

`claims` and `mapping` are pure; `provider` calls out, by the hardened client alone.
"""
