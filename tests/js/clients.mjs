// The vendors' official JavaScript clients against the gateway; prints one JSON object with what they saw.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";

const [base, apiKey, openaiModel, anthropicModel] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey, maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const seen = {};

async function chat(model) {
  const messages = [{ role: "user", content: "hello" }];
  const whole = await openai.chat.completions.create({ model, messages, max_tokens: 20 });
  let text = "";
  let usage = null;
  const stream = await openai.chat.completions.create({
    model, messages, max_tokens: 12, stream: true, stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
  const called = await openai.chat.completions.create({
    model, tools, messages: [{ role: "user", content: "call tool" }], max_tokens: 500,
  });
  const call = called.choices[0].message.tool_calls[0];
  return {
    finish: whole.choices[0].finish_reason,
    completion_tokens: whole.usage.completion_tokens,
    streamed: text.length > 0,
    streamed_tokens: usage.completion_tokens,
    tool: call.function.name,
    arguments: Object.keys(JSON.parse(call.function.arguments)),
  };
}

async function messages(model) {
  const asked = { model, max_tokens: 20, messages: [{ role: "user", content: "hello" }] };
  const whole = await anthropic.messages.create(asked);
  const stream = anthropic.messages.stream(asked);
  const final = await stream.finalMessage();
  const called = await anthropic.messages.create({
    model, max_tokens: 500, messages: [{ role: "user", content: "call tool" }],
    tools: [{ name: "get_weather", input_schema: parameters }],
  });
  const counted = await anthropic.messages.countTokens({ model, messages: asked.messages });
  return {
    stop: whole.stop_reason,
    output_tokens: whole.usage.output_tokens,
    streamed: final.content[0].text === whole.content[0].text,
    streamed_tokens: final.usage.output_tokens,
    tool: called.content.find((block) => block.type === "tool_use").name,
    counted: counted.input_tokens > 0,
  };
}

async function errors() {
  const found = {};
  try {
    await openai.chat.completions.create({ model: "no-such-model", messages: [{ role: "user", content: "x" }] });
  } catch (error) {
    found.openai = [error.status, error.code, error instanceof OpenAI.NotFoundError];
  }
  try {
    await anthropic.messages.create({ model: "no-such-model", max_tokens: 1, messages: [{ role: "user", content: "x" }] });
  } catch (error) {
    found.anthropic = [error.status, error.error?.error?.type, error instanceof Anthropic.NotFoundError];
  }
  return found;
}

for (const model of [openaiModel, anthropicModel]) {
  seen[model] = { chat: await chat(model), messages: await messages(model) };
}
const embedded = await openai.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
seen.embeddings = [embedded.data.length, embedded.data[0].embedding.length];
const wav = Buffer.alloc(44 + 2 * 24_000);
wav.write("RIFF", 0); wav.write("WAVEfmt ", 8); wav.writeUInt32LE(48_000, 28); wav.write("data", 36);
const heard = await openai.audio.transcriptions.create({ model: "js-whisper", file: await toFile(wav, "talk.wav") });
seen.transcription = heard.text.length > 0;
const spoken = await openai.audio.speech.create({ model: "js-tts", voice: "alloy", input: "Hello.", response_format: "wav" });
seen.speech = Buffer.from(await spoken.arrayBuffer()).subarray(0, 4).toString();
seen.models = (await openai.models.list()).data.some((model) => model.id === openaiModel);
seen.errors = await errors();
console.log(JSON.stringify(seen));
