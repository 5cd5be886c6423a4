import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { CHAT, MODELS, clientOf, failureOf, load, serve } from './support.mjs';

const { nodeFetch } = await load('node');
const { ConnectionError, StreamInterruptedError, TimeoutError } = await load('errors');
let folder;
let cert;
let key;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tls-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      keyFile,
      '-out',
      certFile,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-days',
      '2',
    ],
    { stdio: 'ignore' },
  );
  [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
});
after(() => rmSync(folder, { recursive: true }));

async function listen(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return server.address().port;
}

/** A proxy that notes what it was asked for. */
async function proxy(t, status = 200) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push([request.method, request.url, request.headers['proxy-authorization']]);
    request.pipe(
      http.request(request.url, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  server.on('connect', (request, socket) => {
    asked.push([request.method, request.url, request.headers['proxy-authorization']]);
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const [, port] = request.url.split(':');
    const onward = net.connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket);
      socket.pipe(onward);
    });
    for (const end of [onward, socket]) end.on('error', () => [onward, socket].forEach((each) => each.destroy()));
  });
  return { asked, port: await listen(t, server) };
}

const secure = (t) =>
  listen(
    t,
    https.createServer({ cert, key }, (_, response) => response.end('{"ok":true}')),
  );

test('an own authority is trusted, and no other', async (t) => {
  const url = `https://localhost:${await secure(t)}`;

  assert.deepEqual(await clientOf(url, { fetch: nodeFetch({ proxy: null, tls: { ca: cert } }) }).call(MODELS, {}), {
    ok: true,
  });

  const error = await failureOf(clientOf(url, { maxRetries: 0, fetch: nodeFetch({ proxy: null }) }).call(MODELS, {}));
  assert.ok(error instanceof ConnectionError);
  assert.match(error.message, /self-signed certificate/);
});

test('a proxy tunnels TLS, once for several calls', async (t) => {
  const port = await secure(t);
  const { asked, port: proxyPort } = await proxy(t);
  const fetch = nodeFetch({ proxy: `http://us%40er:pw@127.0.0.1:${proxyPort}`, tls: { ca: cert } });
  const client = clientOf(`https://localhost:${port}`, { fetch });

  for (let i = 0; i < 3; i++) assert.deepEqual(await client.call(MODELS, {}), { ok: true });

  assert.deepEqual(asked, [['CONNECT', `localhost:${port}`, `Basic ${Buffer.from('us@er:pw').toString('base64')}`]]);
});

test('a proxy passes plain HTTP, by the environment too, unless NO_PROXY names the host', async (t) => {
  const { url, requests } = await serve(t, { body: { ok: true } });
  const { asked, port } = await proxy(t);
  process.env.HTTP_PROXY = `127.0.0.1:${port}`;
  t.after(() => {
    delete process.env.HTTP_PROXY;
    delete process.env.NO_PROXY;
  });

  assert.deepEqual(await clientOf(url, { fetch: nodeFetch() }).call(MODELS, {}), { ok: true });
  assert.deepEqual(asked, [['GET', `${url}/v1/models`, undefined]]);

  process.env.NO_PROXY = 'example.com,127.0.0.1';
  await clientOf(url, { fetch: nodeFetch() }).call(MODELS, {});
  assert.deepEqual([asked.length, requests.length], [1, 2]);
});

test('a proxy that refuses is named', async (t) => {
  const { port } = await proxy(t, 407);

  const error = await failureOf(
    clientOf('https://localhost:1', { maxRetries: 0, fetch: nodeFetch({ proxy: `http://127.0.0.1:${port}` }) }).call(
      MODELS,
      {},
    ),
  );

  assert.equal(error.message, `The proxy 127.0.0.1:${port} opened no tunnel: 407 No.`);
});

test('connecting has its own limit', async (t) => {
  const sockets = [];
  const port = await listen(
    t,
    net.createServer((socket) => sockets.push(socket)),
  ); // takes connections, and says nothing
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const fetch = nodeFetch({ proxy: null });

  const error = await failureOf(
    clientOf(`https://localhost:${port}`, { fetch, maxRetries: 0, timeouts: { connect: 100 } }).call(MODELS, {}),
  );

  assert.ok(error instanceof TimeoutError);
  assert.deepEqual([error.phase, error.timeoutMs], ['connect', 100]);
});

test('connections are used again, packed answers unpacked, and broken streams noticed', async (t) => {
  const packed = zlib.gzipSync('{"ok":true}');
  let cut;
  const broken = (_, response) => {
    cut = () => response.destroy();
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = zlib.createGzip();
    gzip.pipe(response);
    gzip.write('data: {"a":1}\n\n');
    gzip.flush();
  };
  const { url, requests } = await serve(
    t,
    { headers: { 'content-encoding': 'gzip' }, raw: packed },
    { status: 404, body: {} },
    { body: {} },
    broken,
  );
  const client = clientOf(url, { fetch: nodeFetch({ proxy: null }) });

  assert.deepEqual(await client.call(MODELS, {}), { ok: true });
  assert.equal((await failureOf(client.call(MODELS, {}))).status, 404);
  await client.call(CHAT, { body: {} });
  const found = [];
  const error = await failureOf(
    (async () => {
      for await (const event of await client.stream(CHAT, { body: {} })) {
        found.push(event);
        cut();
      }
    })(),
  );

  assert.ok(error instanceof StreamInterruptedError, String(error));
  assert.deepEqual(found, [{ a: 1 }]);
  assert.equal(new Set(requests.map(({ socket }) => socket)).size, 1);
});

test('an abort closes the connection', async (t) => {
  let seen;
  const closed = new Promise((resolve) => {
    seen = resolve;
  });
  const controller = new AbortController();
  const { url } = await serve(t, (request) => {
    request.socket.on('close', seen);
    controller.abort();
  });

  const client = clientOf(url, { fetch: nodeFetch({ proxy: null }) });
  const error = await failureOf(client.call(MODELS, {}, { signal: controller.signal }));

  assert.equal(error.name, 'AbortError');
  await closed;
});
