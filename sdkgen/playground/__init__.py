"""The playground: a page that runs the generated SDKs in the browser against this gateway.

`offers` says which names can be asked for, `sessions` makes and ends the short-lived keys, `packages` has the files of
the generated SDKs that the page loads.
"""
