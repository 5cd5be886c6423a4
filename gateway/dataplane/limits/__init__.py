"""Limits of requests and tokens a minute and of concurrent calls, exact over all data-plane processes.

`views` which limits there are · `meters` what this process has taken and used · `script` the exchange with Redis ·
`service` the background task that runs it · `stage` the calls · `wording` what callers are told.
"""
