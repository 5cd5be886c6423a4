// A gateway that answers what it is told, and the cases that the document gives.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { Gateway } from '../lib/index.js';

export const CASES = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'));
export const KEYS = { key: 'gw-test-secret-of-calls', management: 'gw-test-secret-of-management' };
export const HELD = { isHeld: true };

process.chdir(fileURLToPath(new URL('..', import.meta.url))); // the calls upload a file by its path in the package

/** Plays the replies in order, the last one for ever; keeps the requests. A reply that is held never comes. */
export class Server {
  replies = [];
  requests = [];
  lines = [];
  retries = [];

  static async start(t) {
    const server = new Server();
    server.http = http.createServer((request, response) => server.answer(request, response));
    server.http.listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    t.after(() => {
      server.http.closeAllConnections?.();
      server.http.close();
    });
    return server;
  }

  play(...replies) {
    this.replies = replies;
    this.requests = [];
    this.came = new Promise((resolve) => (this.tell = resolve));
  }

  client(options = {}) {
    const log = (...said) => this.lines.push(said.map((one) => JSON.stringify(one)).join(' '));
    return new Gateway({
      baseUrl: `http://127.0.0.1:${this.http.address().port}/base`,
      apiKey: KEYS.key,
      managementKey: KEYS.management,
      logger: { error: log, warn: log, info: log, debug: log },
      onRetry: (retry) => this.retries.push(retry),
      ...options,
    });
  }

  async answer(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const [path, query] = request.url.split('?');
    const asked = Object.fromEntries(new URLSearchParams(query));
    this.requests.push({
      http: request.method, path, query: asked, headers: request.headers, body: Buffer.concat(pieces),
    });
    const reply = this.replies.length > 1 ? this.replies.shift() : this.replies[0];
    this.tell();
    if (reply === HELD) return;
    const { status = 200, body = {}, headers = {} } = reply;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}

/** Of a form: [name, name of the file, content]. */
export function parts(request) {
  const boundary = request.headers['content-type'].split('boundary=')[1].replaceAll('"', '');
  const pieces = request.body.toString('utf8').split(`--${boundary}`).slice(1, -1);
  return pieces.map((piece) => {
    const [head, ...rest] = piece.split('\r\n\r\n');
    const named = (word) => new RegExp(`; ${word}="([^"]*)"`).exec(head)?.[1];
    return [named('name'), named('filename'), rest.join('\r\n\r\n').slice(0, -2)];
  });
}

/** The events of a case as they are sent, `count` of them; whether the end is told. */
export function told({ events, done }, count = events.length) {
  const lines = events.slice(0, count).map(
    ({ event, data }) => `${event ? `event: ${event}\n` : ''}data: ${JSON.stringify(data)}\n\n`,
  );
  if (done && count === events.length) lines.push(`data: ${done}\n\n`);
  return { body: lines.join(''), headers: { 'content-type': 'text/event-stream' } };
}
