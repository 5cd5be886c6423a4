"""An answer while it is made."""

from ${module} import Gateway


def main() -> None:
    with Gateway() as client:
        stream = client.chat.completions.stream(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Count to ten."}]
        )
        for chunk in stream:
            for choice in chunk.choices:
                print(choice.delta.content or "", end="", flush=True)
        print()
        print("whole", len(stream.result().choices[0].message.content or ""), "cost", stream.gateway.cost)


if __name__ == "__main__":
    main()
