// The request as the code that Run executes, in the languages whose SDK runs in a browser.

import { bodyOf, optionsOf } from "./request.js";


/**
 * JSON as a Python literal.
 * @param {unknown} value
 * @param {string} indent
 * @returns {string}
 */
export function pythonOf(value, indent = "") {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string" || typeof value === "number") return JSON.stringify(value);
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    return value.length ? `[\n${value.map((one) => `${inner}${pythonOf(one, inner)},\n`).join("")}${indent}]` : "[]";
  }
  const pairs = Object.entries(value);
  if (pairs.every(([, one]) => typeof one !== "object")) {
    return `{${pairs.map(([name, one]) => `${JSON.stringify(name)}: ${pythonOf(one)}`).join(", ")}}`;
  }
  return `{\n${pairs.map(([name, one]) => `${inner}${JSON.stringify(name)}: ${pythonOf(one, inner)},\n`).join("")}${indent}}`;
}

/**
 * @param {import("./request.js").Ask} ask
 * @param {string} baseUrl
 * @returns {{language: string, code: string}[]}
 */
export function samplesOf(ask, baseUrl) {
  const body = bodyOf(ask, ask.fault || ask.models[0] || "MODEL");
  const options = optionsOf(ask);
  const { cache } = options.gateway;
  const seconds = options.timeouts.firstByte / 1000;
  const typescript = `import { Gateway } from 'llm-gateway';

const client = new Gateway({
  baseUrl: ${JSON.stringify(baseUrl)}, // the key: GATEWAY_API_KEY
  maxRetries: ${options.maxRetries},
  timeouts: { firstByte: ${options.timeouts.firstByte} },
});
const stream = await client.chat.completions.stream(${JSON.stringify(body, null, 2)}${cache ? `, {\n  gateway: { cache: '${cache}' },\n}` : ""});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
console.log(stream.gateway.requestId, stream.gateway.cost);`;
  const args = Object.entries(body).map(([name, value]) => `            ${name}=${pythonOf(value, "            ")},\n`);
  if (cache) args.push(`            request_options={"cache": "${cache}"},\n`);
  const python = `import asyncio

from llm_gateway import AsyncGateway, Timeouts


async def main() -> None:
    async with AsyncGateway(  # the key: GATEWAY_API_KEY
        base_url=${JSON.stringify(baseUrl)},
        max_retries=${options.maxRetries},
        timeouts=Timeouts(first_byte=${seconds}),
    ) as client:
        stream = await client.chat.completions.stream(
${args.join("")}        )
        async for chunk in stream:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
        print(stream.gateway.request_id, stream.gateway.cost)


asyncio.run(main())`;
  return [
    { language: "TypeScript", code: typescript },
    { language: "Python", code: python },
  ];
}
