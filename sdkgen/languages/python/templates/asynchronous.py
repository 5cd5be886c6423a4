"""Two calls at once."""

import asyncio

from ${module} import AsyncGateway


async def main() -> None:
    async with AsyncGateway() as client:
        answers = await asyncio.gather(
            *[
                client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": word}])
                for word in ("One.", "Two.")
            ]
        )
        print(len(answers), all(answer.choices[0].message.content for answer in answers))


if __name__ == "__main__":
    asyncio.run(main())
