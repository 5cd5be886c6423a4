// A server that plays what a test says, and a client for it.
import http from 'node:http';
import { once } from 'node:events';

export const RUNTIME = new URL(
  process.env.SDK_RUNTIME ?? '../../../../sdkgen/languages/typescript/runtime/compiled/',
  import.meta.url,
);
export const load = (name) => import(new URL(`${name}.js`, RUNTIME));

const { BaseClient } = await load('index');

export const CHAT = {
  method: 'POST',
  path: '/v1/chat/completions',
  answer: 'json',
  isIdempotent: true,
  stream: { done: '[DONE]' },
};
export const MODELS = { method: 'GET', path: '/v1/models', answer: 'json' };

/** Serve each request by the next of `answers` (the last one again and again); requests are kept with their bodies. */
export async function serve(t, ...answers) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    const pieces = [];
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      return; // the client left
    }
    const { method, url, headers, socket } = request;
    requests.push({ method, url, headers, body: Buffer.concat(pieces), socket });
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    if (typeof answer === 'function') return answer(request, response, requests.at(-1));
    const { status = 200, headers: sent = {}, body = {}, raw } = answer;
    response.writeHead(status, { 'content-type': 'application/json', ...sent });
    response.end(raw ?? JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `http://127.0.0.1:${server.address().port}`, server };
}

export const QUIET = { error() {}, warn() {}, info() {}, debug() {} };

export function clientOf(url, options = {}) {
  const defaults = { version: '1.2.3', spec: 'abcdef0123' };
  return new BaseClient({ apiKey: 'key_secret', baseUrl: url, logger: QUIET, ...options }, defaults);
}

/** An answer that is a stream of these pieces, each written on its own. */
export function events(...pieces) {
  return async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'req_1' });
    for (const piece of pieces) {
      response.write(piece);
      await new Promise(setImmediate);
    }
    response.end();
  };
}

export async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}
