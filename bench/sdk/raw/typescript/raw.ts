// A streamed answer, by the platform's fetch.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const REPEATABLE = new Set([408, 429, 500, 502, 503, 504, 529]);
const MOST_REPEATS = 2;

interface Chunk {
  choices: { delta: { content?: string | null } }[];
  error?: unknown;
}

class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string | null,
    message: string,
    readonly requestId: string | null,
  ) {
    super(message);
  }
}

class StreamInterruptedError extends Error {}

function errorOf(response: Response, content: string): ApiError {
  let code: string | null = null;
  let message = content;
  try {
    const said = (JSON.parse(content) as { error: { code?: string | null; message: string } }).error;
    code = said.code ?? null;
    message = said.message;
  } catch {
    // not what the gateway sends: the text is the message
  }
  return new ApiError(response.status, code, message, response.headers.get('x-request-id'));
}

// Dates, which the header may hold too, are not understood.
function pauseMs(retryAfter: string | null, repeats: number): number {
  if (retryAfter !== null && /^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  return Math.min(8000, 500 * 2 ** repeats) * (1 - 0.25 * Math.random());
}

// A repeat has the key of the first try, and so is billed once.
async function ask(body: unknown): Promise<Response> {
  const request = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${process.env['GATEWAY_API_KEY']}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(body),
  };
  for (let repeats = 0; ; repeats++) {
    let retryAfter: string | null = null;
    try {
      const response = await fetch(`${process.env['GATEWAY_BASE_URL']}/v1/chat/completions`, request);
      if (response.ok) return response;
      const failure = errorOf(response, await response.text());
      if (!REPEATABLE.has(response.status) || repeats === MOST_REPEATS) throw failure;
      retryAfter = response.headers.get('retry-after');
    } catch (error) {
      if (error instanceof ApiError || repeats === MOST_REPEATS) throw error;
    }
    await sleep(pauseMs(retryAfter, repeats));
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of response.body ?? []) {
    const found = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split('\n');
    rest = found.pop() ?? '';
    for (const line of found) yield line.replace(/\r$/, '');
  }
}

// Comments and data of server-sent events.
async function* events(response: Response): AsyncGenerator<['comment' | 'data', string]> {
  let data: string[] = [];
  for await (const line of lines(response)) {
    if (line.startsWith(':')) yield ['comment', line.slice(1).trim()];
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    else if (line === '' && data.length > 0) {
      yield ['data', data.join('\n')];
      data = [];
    }
  }
}

try {
  const response = await ask({
    model: process.argv[2] ?? 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Count to ten.' }],
    stream: true,
  });
  let cost: string | null = null;
  let isDone = false;
  for await (const [kind, text] of events(response)) {
    if (kind === 'comment') {
      if (text.startsWith('gateway ')) cost = (JSON.parse(text.slice(8)) as { cost: string | null }).cost;
    } else if (text === '[DONE]') {
      isDone = true;
    } else {
      const chunk = JSON.parse(text) as Chunk;
      if (chunk.error !== undefined) throw errorOf(response, text);
      for (const choice of chunk.choices) process.stdout.write(choice.delta.content ?? '');
    }
  }
  if (!isDone) throw new StreamInterruptedError('the connection ended before the answer did');
  console.log();
  console.log(`cost ${cost}, request ${response.headers.get('x-request-id')}`);
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  console.log(`${error.status} ${error.code}, request ${error.requestId}`);
}
