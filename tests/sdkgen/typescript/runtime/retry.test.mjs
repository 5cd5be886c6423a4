import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAT, MODELS, clientOf, failureOf, load, serve } from './support.mjs';

const { isRetried, retryAfterMs, retryDelayMs } = await load('retry');
const { ConflictError, ConnectionError, PaymentRequiredError, RateLimitedError, ServerError, TimeoutError } =
  await load('errors');
const SOON = { 'retry-after-ms': '1' };
const of = (headers) => new Headers(headers);

test('pauses double from half a second to eight, less up to a quarter', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 9].map((n) => retryDelayMs(n, undefined, 0, 0)),
    [500, 1000, 2000, 4000, 8000, 8000],
  );
  assert.deepEqual(
    [0, 4].map((n) => retryDelayMs(n, undefined, 0, 1)),
    [375, 6000],
  );
});

test('a pause that the server asks for is kept to 60 s', () => {
  assert.equal(retryDelayMs(0, of({ 'retry-after': '60' }), 0, 0), 60_000);
  assert.equal(retryDelayMs(0, of({ 'retry-after': '61' }), 0, 0), null);
  assert.equal(retryDelayMs(1, of({ 'retry-after': 'soon' }), 0, 0), 1000);
});

test('Retry-After is milliseconds, seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');

  assert.equal(retryAfterMs(of({ 'retry-after-ms': '250.5', 'retry-after': '9' }), now), 250.5);
  assert.equal(retryAfterMs(of({ 'retry-after': '1.5' }), now), 1500);
  assert.equal(retryAfterMs(of({ 'retry-after': 'Thu, 01 Jan 2026 00:00:10 GMT' }), now), 10_000);
  assert.equal(retryAfterMs(of({ 'retry-after': 'Wed, 31 Dec 2025 00:00:10 GMT' }), now), 0);
});

test('statuses that may pass are tried again; the server has the last word, but for a budget', () => {
  const tried = [400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504].filter((status) =>
    isRetried(status, null, of({}), true),
  );

  assert.deepEqual(tried, [408, 429, 500, 502, 503, 504]);
  assert.equal(isRetried(500, null, of({ 'x-should-retry': 'false' }), true), false);
  assert.equal(isRetried(400, null, of({ 'x-should-retry': 'true' }), true), true);
  assert.equal(isRetried(402, null, of({ 'x-should-retry': 'true' }), true), false);
  assert.equal(isRetried(409, 'idempotency_in_flight', of({}), true), true);
  assert.deepEqual(
    [429, 503].map((status) => isRetried(status, null, of({}), false)),
    [true, false],
  );
});

test('a GET is sent three times, and the last error is thrown', async (t) => {
  const { url, requests } = await serve(t, {
    status: 503,
    headers: SOON,
    body: { error: { message: 'later', code: 'x' } },
  });

  const error = await failureOf(clientOf(url).call(MODELS, {}));

  assert.ok(error instanceof ServerError);
  assert.equal(error.message, '503 x: later');
  assert.equal(requests.length, 3);
  assert.deepEqual(
    requests.map(({ headers }) => headers['x-gateway-sdk'].match(/try=\d/)[0]),
    ['try=0', 'try=1', 'try=2'],
  );
});

test('a POST that the gateway makes once has one key on all tries', async (t) => {
  const { url, requests } = await serve(
    t,
    { status: 429, headers: SOON },
    { status: 500, headers: SOON },
    { body: { id: 'a' } },
  );

  const answer = await clientOf(url)
    .call(CHAT, { body: { model: 'm' } })
    .withResponse();

  const keys = requests.map(({ headers }) => headers['idempotency-key']);
  assert.match(keys[0], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(keys, [keys[0], keys[0], keys[0]]);
  assert.deepEqual(
    requests.map(({ body }) => body.toString()),
    Array(3).fill('{"model":"m"}'),
  );
  assert.equal(answer.gateway.retries, 2);
});

test('another POST is sent once, unless the caller names it', async (t) => {
  const { url, requests } = await serve(t, { status: 500, headers: SOON });
  const operation = { method: 'POST', path: '/api/v1/teams/', answer: 'json' };

  await failureOf(clientOf(url).call(operation, { body: {} }));
  assert.equal(requests.length, 1);
  assert.equal(requests[0].headers['idempotency-key'], undefined);

  await failureOf(clientOf(url).call(operation, { body: {} }, { idempotencyKey: 'order-1' }));
  assert.deepEqual(
    requests.slice(1).map(({ headers }) => headers['idempotency-key']),
    Array(3).fill('order-1'),
  );
});

test('without a key a chat call is not sent again', async (t) => {
  const { url, requests } = await serve(t, { status: 500, headers: SOON });

  await failureOf(clientOf(url).call(CHAT, { body: {} }, { idempotencyKey: null }));

  assert.deepEqual(
    requests.map(({ headers }) => headers['idempotency-key']),
    [undefined],
  );
});

test('a used up budget is not asked again', async (t) => {
  const body = { error: { message: 'Budget', code: 'budget_exceeded', type: 'x', param: null } };
  const headers = { ...SOON, 'x-gateway-budget': 'bud_1', 'x-gateway-budget-resets-at': '2026-02-01T00:00:00Z' };
  const { url, requests } = await serve(t, { status: 402, headers, body });

  const error = await failureOf(clientOf(url).call(CHAT, { body: {} }));

  assert.ok(error instanceof PaymentRequiredError);
  assert.deepEqual([error.budget, error.resetsAt], ['bud_1', new Date('2026-02-01T00:00:00Z')]);
  assert.equal(requests.length, 1);
});

test('an answer that cannot be replayed is not asked for again', async (t) => {
  const body = { error: { message: 'too long', code: 'idempotency_not_replayable' } };
  const { url, requests } = await serve(t, { status: 409, headers: { 'x-should-retry': 'false' }, body });

  assert.ok((await failureOf(clientOf(url).call(CHAT, { body: {} }))) instanceof ConflictError);

  assert.equal(requests.length, 1);
});

test('a connection that breaks is tried again', async (t) => {
  const cut = (_, response) => response.destroy();
  const cutWithin = (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"a"');
    setImmediate(() => response.destroy());
  };
  const { url, requests } = await serve(t, cut, cutWithin, { body: { ok: true } });

  assert.deepEqual(await clientOf(url).call(MODELS, {}), { ok: true });

  assert.equal(requests.length, 3);
});

test('a POST is sent again when it never arrived, and not when it may have', async (t) => {
  const operation = { method: 'POST', path: '/api/v1/teams', answer: 'json' };
  const { url, requests, server } = await serve(t, (_, response) => response.destroy());
  const told = [];
  const options = { onRetry: ({ retries, status }) => told.push([retries, status]), timeouts: { total: 600 } };

  await failureOf(clientOf(url, options).call(operation, { body: {} }));
  assert.deepEqual([requests.length, told], [1, []]);

  server.close();
  server.closeAllConnections();
  await failureOf(clientOf(url, options).call(operation, { body: {} }));
  assert.deepEqual(told, [[1, null]]);
});

test('nobody listens', async (t) => {
  const { url, server } = await serve(t, {});
  server.close();

  const error = await failureOf(clientOf(url, { maxRetries: 0 }).call(MODELS, {}));

  assert.ok(error instanceof ConnectionError);
  assert.match(error.message, /^GET \/v1\/models could not be sent: .*ECONNREFUSED/);
});

test('a pause that is longer than what is left of the time is not begun', async (t) => {
  const { url, requests } = await serve(t, { status: 429, headers: { 'retry-after': '50' } });

  const error = await failureOf(clientOf(url, { timeouts: { total: 40_000 } }).call(MODELS, {}));

  assert.ok(error instanceof RateLimitedError);
  assert.equal(requests.length, 1);
});

test('the server does not begin to answer, and is asked again', async (t) => {
  const { url, requests } = await serve(t, () => undefined, { body: { ok: true } });

  const answer = await clientOf(url, { timeouts: { firstByte: 150 } })
    .call(MODELS, {})
    .withResponse();

  assert.deepEqual([answer.data, answer.gateway.retries, requests.length], [{ ok: true }, 1, 2]);
});

test('the whole call takes too long', async (t) => {
  const slow = (_, response) => {
    response.writeHead(200);
    response.write('{');
  };
  const { url, requests } = await serve(t, slow);

  const error = await failureOf(clientOf(url, { timeouts: { total: 100 } }).call(MODELS, {}));

  assert.ok(error instanceof TimeoutError);
  assert.deepEqual([error.phase, error.timeoutMs, requests.length], ['total', 100, 1]);
});

test('a caller that aborts gets its own reason, also during a pause', async (t) => {
  const { url, requests } = await serve(t, () => undefined, { status: 503, headers: { 'retry-after': '60' } });
  const first = new AbortController();
  const pending = failureOf(clientOf(url).call(MODELS, {}, { signal: first.signal }));
  first.abort(new Error('changed my mind'));
  assert.equal((await pending).message, 'changed my mind');

  const second = new AbortController();
  const pausing = failureOf(
    clientOf(url, {
      fetch: async () => {
        setImmediate(() => second.abort());
        return new Response('{}', { status: 503, headers: { 'retry-after': '60' } });
      },
    }).call(MODELS, {}, { signal: second.signal }),
  );
  assert.equal((await pausing).name, 'AbortError');
  assert.ok(requests.length <= 1);
});

test('a signal that is aborted already sends nothing', async (t) => {
  const { url, requests } = await serve(t, {});

  assert.equal((await failureOf(clientOf(url).call(MODELS, {}, { signal: AbortSignal.abort() }))).name, 'AbortError');

  assert.equal(requests.length, 0);
});
