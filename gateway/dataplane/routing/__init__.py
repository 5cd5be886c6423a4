"""Where a call goes, decided in memory: priority and weight, a matcher for rules, a scorer (rule 25). Pure.

`policy` what a route says · `facts` what rules may ask of a call · `matcher` which rule applies and what it picks ·
`scorer` how good a target is · `order` the order of equals · `decision` all of it together. Shared by the data plane,
which decides with live figures, and `routes/{id}/simulate`, which decides with the figures data planes report.
"""
