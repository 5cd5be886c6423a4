// Repeats, errors, broken streams, time limits, cancelling, secrets: with methods that this package has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as errors from '../lib/index.js';
import { CALLS, CANCELLED, ERRORS, STREAMS } from './calls.mjs';
import { CASES, HELD, KEYS, Server, told } from './support.mjs';

const { roles } = CASES;
const BODIES = Object.fromEntries(CASES.methods.map(({ name, answer }) => [name, answer.body]));
const refused = (status, code, headers = {}) => ({ status, body: { error: { message: 'No.', code } }, headers });
const BUSY = refused(429, 'slow_down', { 'Retry-After': '0' });
const BROKEN = refused(503, undefined, { 'Retry-After': '0' });

/** A test with the method of a role, which a package of few methods may not have: answered by replies, then its sample. */
function shown(name, role, run) {
  test(name, { skip: !(role in roles) && `no method of this package is ${role}` }, async (t) => {
    const server = await Server.start(t);
    const call = async (replies, options) => {
      server.play(...replies, { body: BODIES[roles[role]] });
      return CALLS[roles[role]](server.client(options));
    };
    await run(call, server);
  });
}

shown('a refusal is repeated after the time that the server says', 'any', async (call, server) => {
  await call([BUSY], { maxRetries: 2 });

  assert.equal(server.requests.length, 2);
  assert.deepEqual(server.retries.map(({ retries: count, delayMs, status }) => [count, delayMs, status]), [[1, 0, 429]]);
});

shown('a repeat has the same key', 'keyed', async (call, server) => {
  await call([BROKEN], { maxRetries: 2 });

  const [first, second] = server.requests.map(({ headers }) => headers['idempotency-key']);
  assert.deepEqual([server.requests.length, second], [2, first]);
});

shown('what could happen twice is sent once', 'unsafe', async (call, server) => {
  await assert.rejects(call([BROKEN], { maxRetries: 2 }), errors.ServerError);

  assert.equal(server.requests.length, 1);
});

for (const { status, code } of CASES.errors) {
  shown(`${code} has its class`, 'any', async (call) => {
    await assert.rejects(call([refused(status, code, { 'X-Request-ID': 'req_1' })], { maxRetries: 0 }), (error) => {
      assert.ok(error instanceof ERRORS[code], error.constructor.name);
      assert.deepEqual([error.status, error.code, error.requestId], [status, code, 'req_1']);
      return true;
    });
  });
}

shown('a status without a code has a class too', 'any', async (call) => {
  const classes = [[404, errors.NotFoundError], [418, errors.BadRequestError], [500, errors.ServerError]];
  for (const [status, kind] of classes) {
    await assert.rejects(call([{ status, body: '<html>' }], { maxRetries: 0 }), kind);
  }
});

for (const kind of CASES.streams) {
  test(`${kind.name}: a stream that breaks off says so`, async (t) => {
    const server = await Server.start(t);
    server.play(told(kind, 1));
    const stream = await STREAMS[kind.name](server.client());

    await assert.rejects(stream.collect(), errors.StreamInterruptedError);
    assert.equal(server.requests.length, 1);
  });
}

shown('no answer in time', 'any', async (call) => {
  await assert.rejects(call([HELD], { maxRetries: 0, timeouts: { firstByte: 50 } }), (error) => {
    assert.ok(error instanceof errors.TimeoutError, String(error));
    assert.equal(error.phase, 'first_byte');
    return true;
  });
});

for (const cancelled of CANCELLED) {
  test('a call is cancelled while it runs', async (t) => {
    const server = await Server.start(t);
    const controller = new AbortController();
    server.play(HELD);
    const pending = cancelled(server.client(), controller.signal);
    server.came.then(() => controller.abort());

    await assert.rejects(pending, { name: 'AbortError' });
  });
}

shown('keys are shown nowhere', 'any', async (call, server) => {
  const options = { maxRetries: 2, logLevel: 'debug' };
  const error = await call([BUSY, refused(404)], options).catch((failure) => failure);

  assert.ok(error instanceof errors.NotFoundError, String(error));
  assert.ok(server.lines.length > 0);
  const client = server.client();
  const all = [...server.lines, inspect(error), inspect(client, { depth: 5 })].join('\n');
  for (const key of Object.values(KEYS)) assert.ok(!all.includes(key), all);
});
