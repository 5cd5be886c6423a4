"""One call, and what the gateway says of it."""

from ${module} import Gateway


def main() -> None:
    with Gateway() as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello."}]
        )
        print(answer.choices[0].message.content)
        print("cost", answer.gateway.cost, "provider", answer.gateway.provider)


if __name__ == "__main__":
    main()
