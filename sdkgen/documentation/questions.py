"""Questions that people ask of every SDK; answers hold for all five. Pure."""

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "May a secret key be in a browser?",
        "No. Mint a short-lived key with the scope of one use for it, or call from a server. The client reads keys "
        "from the environment, so that none is in the code.",
    ),
    (
        "What is repeated by itself, and is it billed twice?",
        "Reading calls, and calls of models, which carry an idempotency key by which the gateway makes and bills them "
        "once: after 408, 429, 500, 502, 503, 504, 529 and broken connections, twice unless told otherwise. A budget "
        "that is used up (402) is never repeated.",
    ),
    (
        "A stream broke off. Is what came lost, and is it billed?",
        "The error holds the answer as far as it had come. What the model had made is billed; the stream is never "
        "asked for again by itself.",
    ),
    (
        "The API has a field that the package does not know.",
        "Answers keep unknown fields and give them back when they are sent again. Unknown words of a list and unknown "
        "variants are handed over as they came. Requests take further fields by an option of the call.",
    ),
    (
        "Which models can I name?",
        "Those that the key may call: the list of models answers with exactly these, routes included.",
    ),
    (
        "Why is the cost missing?",
        "No price is known for the model, or the usage is not known yet. It is never shown as zero; the console lists "
        "calls without a price.",
    ),
    (
        "How do I find a call in the console?",
        "By its request id, which every answer and every error has.",
    ),
    (
        "What does the client tell the gateway about me?",
        "One header with the versions of the package and of its runtime, the operating system and the document that it "
        "was made of. GATEWAY_SDK_TELEMETRY=0 leaves it out.",
    ),
)
