import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAT, MODELS, QUIET, clientOf, failureOf, load, serve } from './support.mjs';

const errors = await load('errors');
const { durationMs, metadataOf } = await load('metadata');
const { queryOf, urlOf } = await load('request');
const { BaseClient } = await load('client');

test('a call sends its parts and gives its data, response and metadata', async (t) => {
  const headers = {
    'x-request-id': 'req_9',
    'x-gateway-provider': 'openai',
    'x-gateway-model': 'm',
    'x-gateway-cache': 'miss',
    'x-gateway-attempts': '2',
    'x-gateway-cost': '0.0000031500',
    'x-gateway-dropped': 'seed, logprobs',
    'x-gateway-guardrail': 'pii=redact',
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '59',
    'x-ratelimit-reset-requests': '1.250s',
  };
  const { url, requests } = await serve(t, { headers, body: { id: 'x', novel: [1, { b: null }] } });

  const { data, response, gateway } = await clientOf(`${url}/`)
    .call(CHAT, { body: { model: 'é', stop: undefined, n: null } })
    .withResponse();

  assert.deepEqual(data, { id: 'x', novel: [1, { b: null }] });
  assert.deepEqual(await response.json(), data);
  assert.deepEqual(gateway, {
    requestId: 'req_9',
    cost: '0.0000031500',
    cache: 'miss',
    cacheSimilarity: null,
    age: null,
    provider: 'openai',
    model: 'm',
    attempts: 2,
    dropped: ['seed', 'logprobs'],
    guardrails: { pii: 'redact' },
    rateLimit: { requests: { limit: 60, remaining: 59, resetMs: 1250 }, tokens: null },
    budget: null,
    budgetResetsAt: null,
    outputCap: null,
    isReplay: false,
    originalRequestId: null,
    retries: 0,
  });
  const [{ method, url: path, headers: sent, body }] = requests;
  assert.deepEqual([method, path, body.toString()], ['POST', '/v1/chat/completions', '{"model":"é","n":null}']);
  assert.equal(sent.authorization, 'Bearer key_secret');
  assert.equal(sent['content-type'], 'application/json');
});

test('JSON of a server goes back as it came', async (t) => {
  const raw = '{"b":1,"a":{"z":"0.10","unknown":null},"__proto__":{"x":1}}';
  const { url, requests } = await serve(t, { raw });
  const client = clientOf(url);

  const data = await client.call(MODELS, {});
  await client.call(CHAT, { body: data });

  assert.equal(requests[1].body.toString(), raw);
});

test('options of the call go over those of the client', async (t) => {
  const { url, requests } = await serve(t, { body: {} });
  const client = clientOf(url, {
    headers: { 'x-a': '1', 'x-b': '2', 'x-c': '3' },
    telemetry: false,
    organization: 'acme',
    managementKey: 'mk',
  });
  const gateway = {
    tags: { team: 'Zürich', kind: 'a b' },
    endUser: 'Ana',
    cache: 'no-store',
    route: 'cheapest',
    requestId: 'mine',
  };

  await client.call(
    MODELS,
    { query: { a: 1 } },
    { headers: { 'x-b': 'x', 'x-c': null }, query: { a: 2, b: ['x', 'y z'], c: undefined }, gateway },
  );
  await client.call({ method: 'GET', path: '/api/v1/teams', answer: 'json', auth: 'management' }, {});

  const { url: path, headers } = requests[0];
  assert.equal(path, '/v1/models?a=2&b=x%2Cy+z');
  assert.deepEqual([headers['x-a'], headers['x-b'], headers['x-c']], ['1', 'x', undefined]);
  assert.equal(Buffer.from(headers['x-gateway-tags'], 'latin1').toString(), 'team=Zürich,kind=a b');
  assert.deepEqual(
    [headers['x-gateway-end-user'], headers['x-gateway-cache'], headers['x-gateway-route'], headers['x-request-id']],
    ['Ana', 'no-store', 'cheapest', 'mine'],
  );
  assert.deepEqual(
    [headers['x-gateway-sdk'], headers['x-organization'], headers.authorization],
    [undefined, undefined, 'Bearer key_secret'],
  );
  assert.deepEqual([requests[1].headers['x-organization'], requests[1].headers.authorization], ['acme', 'Bearer mk']);
});

test('a tag that would read as two is refused', async () => {
  const error = await failureOf(clientOf('http://127.0.0.1:1').call(MODELS, {}, { gateway: { tags: { 'a=b': 'c' } } }));

  assert.equal(error.message, 'The tag a=b must not contain "," or "=".');
});

test('the environment configures what the options leave out', async (t) => {
  const { url, requests } = await serve(t, { body: {} });
  Object.assign(process.env, { GATEWAY_API_KEY: 'from-env', GATEWAY_BASE_URL: url, GATEWAY_SDK_TELEMETRY: '0' });
  t.after(() => {
    for (const name of ['API_KEY', 'BASE_URL', 'SDK_TELEMETRY']) delete process.env[`GATEWAY_${name}`];
  });

  await new BaseClient({}, { version: '1', spec: 'x' }).call(MODELS, {});

  assert.equal(requests[0].headers.authorization, 'Bearer from-env');
  assert.equal(requests[0].headers['x-gateway-sdk'], undefined);
});

test('a key can be fetched for each try', async (t) => {
  const { url, requests } = await serve(t, { status: 503, headers: { 'retry-after-ms': '0' } }, { body: {} });
  let n = 0;

  await clientOf(url, { apiKey: async () => `k${++n}` }).call(MODELS, {});

  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ['Bearer k1', 'Bearer k2'],
  );
});

for (const [options, expected] of [
  [{ apiKey: '' }, 'There is no key: set apiKey, or GATEWAY_API_KEY in the environment.'],
  [{ apiKey: 'a\nb' }, 'The key has characters that no key has.'],
]) {
  test(`the key ${JSON.stringify(options.apiKey)} is refused`, async () => {
    assert.equal((await failureOf(clientOf('http://127.0.0.1:1', options).call(MODELS, {}))).message, expected);
  });
}

test('a base URL must be one, without a credential', () => {
  assert.throws(() => clientOf('nowhere'), /baseUrl is no URL: nowhere/);
  assert.throws(() => clientOf('ftp://x'), /http:\/\/ or https:/);
  assert.throws(() => clientOf('https://u:p@x'), /credential/);
  assert.equal(clientOf('https://x/gateway/').baseUrl, 'https://x/gateway');
  assert.throws(() => new BaseClient({ apiKey: 'x' }, { version: '1', spec: 'x' }), /Set baseUrl or GATEWAY_BASE_URL/);
  assert.throws(() => clientOf('https://x', { maxRetries: -1 }), /maxRetries/);
});

test('values in a path are escaped, and cannot walk up', () => {
  assert.equal(
    urlOf('http://x/base/', '/v1/models/{model}', { model: 'a/b c?é' }, {}),
    'http://x/base/v1/models/a%2Fb%20c%3F%C3%A9',
  );
  for (const model of ['', '.', '..', undefined])
    assert.throws(() => urlOf('http://x', '/v1/models/{model}', { model }, {}), /model must not be/);
  assert.equal(
    queryOf({ at: new Date(0), list: [1, null, 'a&b'], no: null }),
    'at=1970-01-01T00%3A00%3A00.000Z&list=1%2Ca%26b',
  );
});

class BudgetExceededError extends errors.PaymentRequiredError {}
class GuardrailBlockedError extends errors.PermissionDeniedError {}
class UpstreamError extends errors.ServerError {}
const CLASSES = { ...errors, BudgetExceededError, GuardrailBlockedError, UpstreamError };
const CODES = {
  budget_exceeded: [402, BudgetExceededError],
  guardrail_blocked: [403, GuardrailBlockedError],
  upstream_error: [502, UpstreamError],
};
const ERRORS = [
  [
    400,
    { error: { message: 'm', type: 'invalid_request_error', param: 'model', code: 'invalid_request' } },
    'BadRequestError',
    'invalid_request',
    'model',
  ],
  [401, { error: { message: 'm', code: 'invalid_api_key' } }, 'AuthenticationError', 'invalid_api_key', null],
  [402, { error: { message: 'm', code: 'budget_exceeded' } }, 'BudgetExceededError', 'budget_exceeded', null],
  [403, { error: { message: 'm', code: 'model_not_allowed' } }, 'PermissionDeniedError', 'model_not_allowed', null],
  [403, { error: { message: 'm', code: 'guardrail_blocked' } }, 'GuardrailBlockedError', 'guardrail_blocked', null],
  [404, { type: 'error', error: { type: 'not_found_error', message: 'm' } }, 'NotFoundError', null, null],
  [409, { error: { message: 'm', code: 'x' } }, 'ConflictError', 'x', null],
  [413, '<html>', 'BadRequestError', null, null],
  [
    422,
    { error: { message: 'm', code: 'idempotency_key_reused' } },
    'UnprocessableEntityError',
    'idempotency_key_reused',
    null,
  ],
  [429, { error: { message: 'm', code: 'upstream_error' } }, 'RateLimitedError', 'upstream_error', null],
  [418, {}, 'BadRequestError', null, null],
  [302, {}, 'ApiError', null, null],
  [500, { error: { message: 'm', code: 'internal_error' } }, 'ServerError', 'internal_error', null],
  [502, { error: { message: 'm', code: 'upstream_error' } }, 'UpstreamError', 'upstream_error', null],
  [503, { error: { message: 'm', code: 'constructor' } }, 'ServerError', 'constructor', null],
];
for (const [status, body, name, code, param] of ERRORS) {
  test(`${status} ${code ?? ''} is a ${name}`, async (t) => {
    const raw = typeof body === 'string' ? body : JSON.stringify(body);
    const { url } = await serve(t, { status, headers: { 'x-request-id': 'req_7', location: '/elsewhere' }, raw });

    const defaults = { version: '1', spec: 'x', errors: CODES, docs: 'https://docs.example/errors' };
    const client = new BaseClient({ apiKey: 'k', baseUrl: url, logger: QUIET, maxRetries: 0 }, defaults);
    const error = await failureOf(client.call(MODELS, {}));

    assert.equal(error.constructor, CLASSES[name]);
    assert.ok(error instanceof errors.ApiError && error instanceof Error);
    assert.deepEqual(
      [error.constructor.name, error.status, error.code, error.param, error.requestId],
      [name, status, code, param, 'req_7'],
    );
    assert.deepEqual(error.body, body);
    assert.equal(error.docUrl, code === null ? null : `https://docs.example/errors#${code}`);
    assert.match(error.message, new RegExp(`^${status}.*\\(request req_7\\)$`, 's'));
  });
}

test('a problem of the management API names the faulty inputs', async (t) => {
  const faults = [{ field: 'name', code: 'blank', message: 'May not be blank.' }];
  const body = {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: '1 input is not valid.',
    code: 'invalid',
    errors: faults,
    request_id: 'req_b',
  };
  const { url } = await serve(t, { status: 400, headers: { 'content-type': 'application/problem+json' }, body });

  const error = await failureOf(clientOf(url).call(MODELS, {}));

  assert.deepEqual([error.code, error.errors, error.requestId], ['invalid', faults, 'req_b']);
  assert.equal(error.message, '400 invalid: 1 input is not valid. (request req_b)');
});

test('an answer that is no JSON is a DecodeError', async (t) => {
  const { url } = await serve(t, { headers: { 'content-type': 'text/html' }, raw: '<p>proxy</p>' });

  const error = await failureOf(clientOf(url).call(MODELS, {}));

  assert.ok(error instanceof errors.DecodeError);
  assert.equal(error.body, '<p>proxy</p>');
});

test('answers without a body, of text, and of bytes', async (t) => {
  const { url } = await serve(
    t,
    { status: 204, raw: '' },
    { raw: 'plain' },
    { headers: { 'content-type': 'audio/mpeg' }, raw: Buffer.from([0, 255, 1]) },
  );
  const client = clientOf(url);

  assert.equal(await client.call({ ...MODELS, answer: 'none' }, {}), undefined);
  assert.equal(await client.call({ ...MODELS, answer: 'text' }, {}), 'plain');
  const audio = await client.call({ ...MODELS, answer: 'binary' }, {});
  assert.deepEqual(new Uint8Array(await audio.arrayBuffer()), Uint8Array.of(0, 255, 1));
  assert.equal(audio.headers.get('content-type'), 'audio/mpeg');
});

test('bytes that stop coming are a time-out', async (t) => {
  const stalls = (_, response) => {
    response.writeHead(200);
    response.write('a');
  };
  const { url } = await serve(t, stalls);

  const audio = await clientOf(url, { timeouts: { total: 100 } }).call({ ...MODELS, answer: 'binary' }, {});

  assert.equal((await failureOf(audio.arrayBuffer())).phase, 'total');
});

test('the log names requests and no secret', async (t) => {
  const { url } = await serve(t, { headers: { deprecation: '@1', sunset: 'Sat, 01 Jan 2028 00:00:00 GMT' }, body: {} });
  const lines = [];
  const logger = {
    ...QUIET,
    debug: (...line) => lines.push(JSON.stringify(line)),
    warn: (...line) => lines.push(line[0]),
  };
  const client = clientOf(url, { logger, logLevel: 'debug', headers: { 'x-api-key': 'hidden-1' } });

  await client.call(MODELS, { query: { api_key: 'hidden-2', page: 1 } });
  await client.call(MODELS, {});

  const all = lines.join('\n');
  assert.ok(!/key_secret|hidden/.test(all), all);
  assert.match(all, /api_key=\*\*\*&page=1/);
  assert.match(all, /"authorization":"\*\*\*"/);
  assert.deepEqual(
    lines.filter((line) => line.includes('deprecated')),
    ['[llm-gateway] GET /v1/models is deprecated, and ends on Sat, 01 Jan 2028 00:00:00 GMT.'],
  );
});

test('a request that the package has no method for', async (t) => {
  const { url, requests } = await serve(t, { body: { ok: 1 } });

  assert.deepEqual(
    await clientOf(url).request('post', '/v1/new', { body: { a: 1 }, query: { q: 'x' } }, { extraBody: { b: 2 } }),
    { ok: 1 },
  );

  assert.deepEqual(
    [requests[0].method, requests[0].url, requests[0].body.toString()],
    ['POST', '/v1/new?q=x', '{"a":1,"b":2}'],
  );
});

test('connections are used again', async (t) => {
  const { url, requests } = await serve(t, { body: {} }, { status: 404, body: {} }, { body: {} });
  const client = clientOf(url);

  for (let i = 0; i < 12; i++) await client.call(MODELS, {}).catch(() => undefined);

  // The platform's pool may not have its first connection back yet when the second call comes.
  assert.ok(new Set(requests.map(({ socket }) => socket)).size <= 3);
});

test('durations and odd headers', () => {
  assert.deepEqual(['1.250s', '1m30s', '20ms', '6h0m', '2', 'x', '', null].map(durationMs), [
    1250,
    90_000,
    20,
    21_600_000,
    2000,
    null,
    null,
    null,
  ]);
  const odd = metadataOf(
    new Headers({ 'x-gateway-attempts': 'many', 'x-gateway-model': 'mod\u00c3\u00a8le', 'request-id': 'req_a' }),
  );
  assert.deepEqual([odd.attempts, odd.model, odd.requestId], [null, 'modèle', 'req_a']);
});
