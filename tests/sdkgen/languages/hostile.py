"""Texts that try to be code in one of the languages, or that break what prints them."""

HOSTILE = (
    '"""\nimport os; os.abort()\n"""',
    "'''; raise SystemExit #",
    '"); System.exit(1); //',
    "*/ alert(1) /*",
    "\\u002a/ class Evil {} /\\u002a",
    "\n}\nfunc init() { panic(1) }\n//",
    "</summary><script>alert(1)</script>",
    "${process.exit(1)} `id` $(id) {{ 7*7 }} {% raw %}",
    "@param x {@link evil} @deprecated",
    "\\",
    '\\"',
    "\u2028\u2029\x85\x0b\x0c\x00\x1b[31m\u202e\u2066",
    "\ud800 lone",
    "line one\r\nline two\rline three",
    "|---|\n# heading\n[x](javascript:alert(1))",
    "%s %(x)s {0} {x}",
    "ends with a backslash \\",
    "",
)
