import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAT, clientOf, events, failureOf, load, serve } from './support.mjs';

const { Stream, UnknownEvent } = await load('stream');
const { RateLimitedError, ServerError, StreamInterruptedError, TimeoutError } = await load('errors');
const CHUNKS = { ...CHAT, stream: { done: '[DONE]', fold: 'chat' } };
const MESSAGES = { ...CHAT, path: '/v1/messages', stream: { tag: 'type', terminal: ['message_stop'] } };
const chunk = (text) => `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`;
const texts = (items) => items.map((item) => item.choices[0].delta.content);
const saidSoFar = (error) => error.partial.choices.map((choice) => choice.message.content);
const ask = (url, operation = CHUNKS, options) => clientOf(url).stream(operation, { body: { stream: true } }, options);

async function readAll(stream) {
  const found = [];
  try {
    for await (const item of stream.events()) found.push(item);
  } catch (error) {
    return [found, error];
  }
  return [found, null];
}

test('chunks come one by one, then the end mark; the cost is known then', async (t) => {
  const comment = ': gateway {"cost":"0.0000031500","request_id":"req_1"}\n\n';
  const { url, requests } = await serve(t, events(chunk('a'), ': ping\n\n', chunk('b'), comment, 'data: [DONE]\n\n'));

  const stream = await ask(url);
  assert.ok(stream instanceof Stream);
  assert.equal(stream.gateway.cost, null);

  assert.deepEqual(texts(await stream.collect()), ['a', 'b']);
  assert.deepEqual([stream.gateway.cost, stream.gateway.requestId], ['0.0000031500', 'req_1']);
  assert.equal(requests[0].headers.accept, 'text/event-stream');
  assert.match(
    requests[0].headers['x-gateway-sdk'],
    /^typescript\/1\.2\.3; rt=node-\d+\.\d+; os=\w+; spec=abcdef0123; try=0; via=stream$/,
  );
});

test('what is behind the end mark is read, so that the connection can be used again', async () => {
  const pieces = [chunk('a'), 'data: [DONE]\n\n', ': rest\n\n'];
  const ended = new Promise((resolve, reject) => {
    const body = new ReadableStream({
      pull(controller) {
        if (pieces.length > 0) return controller.enqueue(new TextEncoder().encode(pieces.shift()));
        controller.close();
        resolve();
      },
      cancel: () => reject(new Error('The rest was thrown away.')),
    });
    const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    clientOf('http://127.0.0.1:1', { fetch })
      .stream(CHUNKS, { body: {} })
      .then((stream) => stream.collect())
      .catch(reject);
  });

  await ended;
});

test('a stream can be read once', async (t) => {
  const { url } = await serve(t, events('data: [DONE]\n\n'));
  const stream = await ask(url);
  await stream.collect();

  assert.match((await failureOf(stream.collect())).message, /read once/);
});

test('a stream without its end mark is interrupted, with what had come, and not asked for again', async (t) => {
  const { url, requests } = await serve(t, events(chunk('a'), chunk('b')));

  const [found, error] = await readAll(await ask(url));

  assert.ok(error instanceof StreamInterruptedError);
  assert.deepEqual([texts(found), saidSoFar(error)], [['a', 'b'], ['ab']]);
  assert.deepEqual([error.requestId, requests.length], ['req_1', 1]);
});

test('a stream that is cut, within an event or by the connection, is interrupted', async (t) => {
  const broken = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk('a'), () => response.destroy());
  };
  const { url, requests } = await serve(t, events(chunk('a'), 'data: {"choi'), broken);

  for (let i = 0; i < 2; i++) {
    const [found, error] = await readAll(await ask(url));
    assert.ok(error instanceof StreamInterruptedError, String(error));
    assert.deepEqual([texts(found), saidSoFar(error)], [['a'], ['a']]);
  }
  assert.equal(requests.length, 2);
});

test('an error within the stream is typed', async (t) => {
  const limited =
    'data: {"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded","param":null}}\n\n';
  const overloaded = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n';
  const ended =
    'data: {"error":{"message":"The provider ended early.","type":"upstream_error","code":"stream_interrupted"}}\n\n';
  const { url } = await serve(t, events(chunk('a'), limited), events(overloaded), events(chunk('a'), ended));

  const [before, first] = await readAll(await ask(url));
  assert.ok(first instanceof StreamInterruptedError && first.cause instanceof RateLimitedError);
  assert.deepEqual(
    [texts(before), saidSoFar(first), first.code, first.requestId],
    [['a'], ['a'], 'rate_limit_exceeded', 'req_1'],
  );

  const [, second] = await readAll(await ask(url, MESSAGES));
  assert.ok(second instanceof StreamInterruptedError && second.cause instanceof ServerError);
  assert.deepEqual([second.code, second.message], ['overloaded_error', 'busy. (request req_1)']);

  const [, third] = await readAll(await ask(url));
  assert.ok(third instanceof StreamInterruptedError);
  assert.deepEqual(
    [third.code, third.message, saidSoFar(third)],
    ['stream_interrupted', 'The provider ended early. (request req_1)', ['a']],
  );
});

test('an unknown event is handed over by events(), and left out by the plain loop', async (t) => {
  const { url } = await serve(t, events('event: gateway.note\ndata: {"x":1}\n\n', chunk('a'), 'data: [DONE]\n\n'));

  const [found, error] = await readAll(await ask(url));
  assert.equal(error, null);
  assert.ok(found[0] instanceof UnknownEvent);
  assert.deepEqual([found[0].event, found[0].data, found[0].json], ['gateway.note', '{"x":1}', { x: 1 }]);

  assert.deepEqual(texts(await (await ask(url)).collect()), ['a']);
});

test('a stream of tagged events ends at its terminal one, and keeps unknown ones', async (t) => {
  const event = (type) => `event: ${type}\ndata: {"type":"${type}"}\n\n`;
  const { url } = await serve(
    t,
    events(event('message_start'), event('new_thing'), event('message_stop')),
    events(event('message_start')),
  );

  assert.deepEqual(
    (await (await ask(url, MESSAGES)).collect()).map(({ type }) => type),
    ['message_start', 'new_thing', 'message_stop'],
  );
  assert.ok((await failureOf((await ask(url, MESSAGES)).collect())) instanceof StreamInterruptedError);
});

test('an event that is no JSON ends a stream', async (t) => {
  const { url } = await serve(t, events('data: {oops}\n\n', 'data: [DONE]\n\n'));

  const error = await failureOf((await ask(url)).collect());

  assert.ok(error instanceof StreamInterruptedError);
  assert.deepEqual(
    [error.message, error.cause.name],
    ['An event of the stream is no JSON. (request req_1)', 'SyntaxError'],
  );
});

test('silence ends a stream', async (t) => {
  const silent = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk('a'));
  };
  const { url } = await serve(t, silent);

  const [found, error] = await readAll(await ask(url, CHUNKS, { timeouts: { idle: 80 } }));

  assert.ok(error instanceof StreamInterruptedError);
  assert.ok(error.cause instanceof TimeoutError);
  assert.deepEqual([error.cause.phase, texts(found)], ['idle', ['a']]);
});

for (const [name, leave] of Object.entries({
  'leaving the loop': async (stream) => {
    for await (const _ of stream) break;
  },
  'the signal': async (stream, controller) => {
    const reason = new Error('enough');
    const error = await failureOf(
      (async () => {
        for await (const _ of stream) controller.abort(reason);
      })(),
    );
    assert.equal(error, reason);
  },
  'abort()': async (stream) => {
    const error = await failureOf(
      (async () => {
        for await (const _ of stream) stream.abort();
      })(),
    );
    assert.equal(error.name, 'AbortError');
  },
  'abort() before it is read': async (stream) => stream.abort(),
})) {
  test(`${name} closes the connection`, async (t) => {
    let seen;
    const closed = new Promise((resolve) => {
      seen = resolve;
    });
    const endless = (request, response) => {
      request.socket.on('close', seen);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk('a'));
    };
    const { url } = await serve(t, endless);
    const controller = new AbortController();

    await leave(await ask(url, CHUNKS, { signal: controller.signal }), controller);

    await closed;
  });
}

test('an abort ends the loop at once, whatever has arrived already', async (t) => {
  const { url } = await serve(t, events(chunk('a') + chunk('b') + chunk('c'), 'data: [DONE]\n\n'));
  const controller = new AbortController();
  const found = [];

  const error = await failureOf(
    (async () => {
      for await (const item of await ask(url, CHUNKS, { signal: controller.signal })) {
        found.push(item);
        controller.abort();
      }
    })(),
  );

  assert.deepEqual([texts(found), error.name], [['a'], 'AbortError']);
});

test('a refusal before the stream is the usual error, and a busy server is asked again', async (t) => {
  const busy = { status: 503, headers: { 'retry-after-ms': '1' } };
  const { url, requests } = await serve(t, busy, events(chunk('a'), 'data: [DONE]\n\n'), {
    status: 400,
    body: { error: { message: 'no', code: 'invalid_request' } },
  });

  assert.deepEqual(texts(await (await ask(url)).collect()), ['a']);
  assert.equal((await failureOf(ask(url))).code, 'invalid_request');
  assert.equal(requests.length, 3);
});
