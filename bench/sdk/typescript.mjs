// What the TypeScript package adds to a call and to a stream over the platform's own fetch, on loopback:
//   python manage.py generate_sdk typescript --output /tmp/sdk && node bench/sdk/typescript.mjs /tmp/sdk
// The server is a process of its own with fixed answers. Both ways take turns in the same process and connection pool;
// a figure is the median of the rounds. Prints one JSON line.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const CALLS = 300;
const CHUNKS = 20_000;
const ROUNDS = 5;
const answer = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hello!' } }],
  usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
});
const event = {
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }],
};
const chunk = `data: ${JSON.stringify(event)}\n\n`;

function serve() {
  const block = Buffer.from(chunk.repeat(50));
  const server = http.createServer((request, response) => {
    let isStream = false;
    request.on('data', (data) => (isStream ||= data.includes('"stream":true')));
    request.on('end', () => {
      if (!isStream) return response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let i = 0; i < CHUNKS / 50; i++) response.write(block);
      response.end('data: [DONE]\n\n');
    });
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function rawCall(url) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
    body: JSON.stringify(body),
  });
  return (await response.json()).choices[0].message.content;
}

async function rawStream(url) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
    body: JSON.stringify({ ...body, stream: true }),
  });
  let rest = '';
  let count = 0;
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop();
    for (const part of parts) if (part !== 'data: [DONE]') count += JSON.parse(part.slice(6)).choices.length;
  }
  return count;
}

async function measured(sdk) {
  const server = fork(new URL(import.meta.url), ['serve']);
  const [port] = await once(server, 'message');
  const url = `http://127.0.0.1:${port}`;
  const { Gateway } = await import(pathToFileURL(`${sdk}/lib/index.js`));
  const client = new Gateway({ baseUrl: url, apiKey: 'k' });
  const calls = {
    raw: () => rawCall(url),
    sdk: async () => (await client.chat.completions.create(body)).choices[0].message.content,
  };
  const streams = {
    raw: () => rawStream(url),
    sdk: async () => {
      let count = 0;
      for await (const event of await client.chat.completions.stream(body)) count += event.choices.length;
      return count;
    },
  };
  const times = { raw: [], sdk: [] };
  const rates = { raw: [], sdk: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const way of ['raw', 'sdk']) {
      const found = [];
      for (let i = 0; i < CALLS; i++) {
        const began = performance.now();
        await calls[way]();
        found.push(performance.now() - began);
      }
      const began = performance.now();
      if ((await streams[way]()) !== CHUNKS) throw new Error(`${way} lost chunks`);
      const rate = (CHUNKS / (performance.now() - began)) * 1000;
      if (round > 0) {
        // the first warms up
        times[way].push(median(found));
        rates[way].push(rate);
      }
    }
  }
  server.kill();
  const [raw, own] = [median(times.raw), median(times.sdk)];
  console.log(
    JSON.stringify({
      node: process.version,
      raw_p50_ms: raw,
      sdk_p50_ms: own,
      added_p50_ms: own - raw,
      raw_chunks_per_s: Math.round(median(rates.raw)),
      sdk_chunks_per_s: Math.round(median(rates.sdk)),
    }),
  );
}

if (process.argv[2] === 'serve') serve();
else await measured(process.argv[2]);
