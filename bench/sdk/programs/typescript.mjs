// The TypeScript package against the platform's own fetch: `node typescript.mjs ADDRESS SDK` prints JSON. Both ways take
// turns in the same process and connection pool; a figure is the median of the rounds.
import { pathToFileURL } from 'node:url';

const CALLS = 300;
const CHUNKS = 40_000;
const ROUNDS = 7;
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

async function measured(url, sdk) {
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
  const began = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) await calls.sdk();
  const cpu = process.cpuUsage(began);
  console.log(
    JSON.stringify({
      runtime: `Node ${process.version}`,
      raw_p50_us: median(times.raw) * 1000,
      sdk_p50_us: median(times.sdk) * 1000,
      sdk_cpu_us: (cpu.user + cpu.system) / CALLS,
      rss_bytes: process.resourceUsage().maxRSS * 1024,
      raw_chunks_per_s: median(rates.raw),
      sdk_chunks_per_s: median(rates.sdk),
    }),
  );
}

await measured(process.argv[2], process.argv[3]);
