"""A tool that the model may call."""

import json

from ${module} import Gateway


def main() -> None:
    with Gateway() as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "What is the weather in Paris?"}],
            tools=[
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "The weather of a city.",
                        "parameters": {
                            "type": "object",
                            "properties": {"city": {"type": "string"}},
                            "required": ["city"],
                        },
                    },
                }
            ],
            tool_choice="required",
        )
        message = answer.choices[0].message
        for call in message.tool_calls or []:
            print(call.function.name, sorted(json.loads(call.function.arguments)))


if __name__ == "__main__":
    main()
