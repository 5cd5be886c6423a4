"""Who gets in, and who is still there: confirming it is you, the second factor, single sign-on, sessions.

Pages are plain views at the root of the site, since they are opened before, or instead of, a page of the console.
"""
