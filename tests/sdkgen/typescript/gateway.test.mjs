// The generated package against a real data plane: GATEWAY_BASE_URL, GATEWAY_API_KEY. SDK is the package's folder.
import assert from 'node:assert/strict';
import { test } from 'node:test';

const sdk = await import(`${process.env.SDK}/lib/index.js`);
const { nodeFetch } = await import(`${process.env.SDK}/lib/runtime/node.js`);
const { Gateway } = sdk;
const HELLO = [{ role: 'user', content: 'Say hello.' }];
const TOOL = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const client = new Gateway({ maxRetries: 0 });
const chat = (model, more = {}, options) =>
  client.chat.completions.create({ model, messages: HELLO, ...more }, options);

async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}

for (const [name, fetch] of [
  ['fetch', undefined],
  ['nodeFetch', nodeFetch()],
]) {
  test(`a call over ${name} says what the gateway did`, async () => {
    const tagged = { gateway: { tags: { feature: 'greet' }, endUser: 'zoë' } };
    const { data, gateway, response } = await client
      .withOptions({ fetch })
      .chat.completions.create({ model: 'gpt-4o-mini', messages: HELLO }, tagged)
      .withResponse();

    assert.equal(data.choices[0].message.role, 'assistant');
    assert.ok(data.choices[0].message.content);
    assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.deepEqual(
      [response.status, gateway.provider, gateway.model, gateway.cache, gateway.attempts, gateway.retries],
      [200, 'openai', 'gpt-4o-mini', 'bypass', 1, 0],
    );
    assert.match(gateway.requestId, /^req_/);
    console.log(`# ${name} ${gateway.requestId}`);
  });

  test(`a stream over ${name} adds up to the answer`, async () => {
    const stream = await client
      .withOptions({ fetch })
      .chat.completions.stream({ model: 'gpt-4o-mini', messages: HELLO });
    const texts = [];
    for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content ?? '');

    assert.ok(texts.length > 2);
    const [choice] = stream.partial.choices;
    assert.deepEqual(
      [choice.message.content, choice.finish_reason, stream.partial.object],
      [texts.join(''), 'stop', 'chat.completion'],
    );
    assert.match(stream.gateway.requestId, /^req_/);
  });
}

test('the three wire formats stream, and their events are known', async () => {
  const asked = await client.chat.completions.create({ model: 'gpt-4o-mini', messages: HELLO, stream: true });
  assert.ok((await asked.final()).choices[0].message.content);

  const responses = await client.responses.stream({ model: 'gpt-4o-mini', input: 'Say hello.' });
  const events = await responses.collect();
  assert.deepEqual([events[0].type, events.at(-1).type], ['response.created', 'response.completed']);
  const text = events
    .filter(({ type }) => type === 'response.output_text.delta')
    .map(({ delta }) => delta)
    .join('');
  assert.equal(responses.partial.output.at(-1).content[0].text, text);

  const messages = await client.messages.stream({ model: 'gpt-4o-mini', max_tokens: 50, messages: HELLO });
  const folded = await messages.final();
  assert.ok(folded.content[0].text);
  assert.ok(['end_turn', 'max_tokens'].includes(folded.stop_reason));
  assert.equal(
    (await client.messages.create({ model: 'gpt-4o-mini', max_tokens: 50, messages: HELLO })).content[0].type,
    'text',
  );
  assert.ok((await client.messages.countTokens({ model: 'gpt-4o-mini', messages: HELLO })).input_tokens > 0);
});

test('tools', async () => {
  const answer = await chat('gpt-4o-mini', { tools: [TOOL], tool_choice: 'required' });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'weather');

  const again = await chat('gpt-4o-mini', {
    messages: [...HELLO, answer.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'sunny' }],
  });
  assert.ok(again.choices[0].message.content);

  const stream = await client.chat.completions.stream({
    model: 'gpt-4o-mini',
    messages: HELLO,
    tools: [TOOL],
    tool_choice: 'required',
  });
  const [streamed] = (await stream.final()).choices[0].message.tool_calls;
  assert.deepEqual(
    [streamed.function.name, Object.keys(JSON.parse(streamed.function.arguments))],
    ['weather', ['city']],
  );
});

test('embeddings and models', async () => {
  const { data } = await client.embeddings.create({
    model: 'text-embedding-3-small',
    input: ['a', 'b'],
    dimensions: 8,
  });
  assert.deepEqual(
    data.map(({ embedding }) => embedding.length),
    [8, 8],
  );

  assert.ok((await client.models.list()).data.some(({ id }) => id === 'gpt-4o-mini'));
  assert.equal((await client.models.get('gpt-4o-mini')).owned_by, 'openai');
});

test('errors have classes', async () => {
  const missing = await failureOf(chat('no-such-model'));
  assert.ok(missing instanceof sdk.ModelNotFoundError && missing instanceof sdk.NotFoundError);
  assert.deepEqual(
    [missing.status, missing.code, missing.param, missing.name],
    [404, 'model_not_found', 'model', 'ModelNotFoundError'],
  );
  assert.match(missing.requestId, /^req_/);

  const stranger = await failureOf(client.withOptions({ apiKey: 'gw-wrong' }).models.list());
  assert.ok(stranger instanceof sdk.AuthenticationError);
  assert.equal(stranger.code, 'invalid_api_key');

  assert.ok((await failureOf(chat('sim-fault-error-429'))) instanceof sdk.RateLimitedError);
  assert.ok((await failureOf(chat('sim-fault-error-500'))) instanceof sdk.UpstreamError);
});

test('a stream that breaks off says what had come', async () => {
  const stream = await client.chat.completions.stream({ model: 'sim-fault-cut-stream', messages: HELLO });
  const texts = [];

  const error = await failureOf(
    (async () => {
      for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content ?? '');
    })(),
  );

  assert.ok(error instanceof sdk.StreamInterruptedError);
  assert.equal(error.code, 'stream_interrupted');
  assert.ok(texts.join(''));
  assert.equal(error.partial.choices[0].message.content, texts.join(''));
});

test('a repeat is billed once', async () => {
  const told = [];
  const patient = client.withOptions({ maxRetries: 2, onRetry: ({ retries, status }) => told.push([retries, status]) });
  assert.ok(
    (await failureOf(patient.chat.completions.create({ model: 'sim-fault-error-500', messages: HELLO }))) instanceof
      sdk.ServerError,
  );
  assert.deepEqual(told, [
    [1, 502],
    [2, 502],
  ]);

  const first = await chat('gpt-4o-mini', {}, { idempotencyKey: 'ts-once-1' }).withResponse();
  const again = await chat('gpt-4o-mini', {}, { idempotencyKey: 'ts-once-1' }).withResponse();
  assert.deepEqual(
    [again.gateway.isReplay, again.gateway.originalRequestId, again.data],
    [true, first.gateway.requestId, first.data],
  );
  console.log(`# once ${first.gateway.requestId} ${again.gateway.requestId}`);
});

test('a call can be cancelled, and time-outs say their phase', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), 200);
  const aborted = await failureOf(chat('sim-fault-hang', {}, { signal: controller.signal, maxRetries: 5 }));
  assert.equal(aborted.message, 'enough');

  for (const phase of ['firstByte', 'total']) {
    const error = await failureOf(chat('sim-fault-hang', {}, { timeouts: { [phase]: 200 } }));
    assert.ok(error instanceof sdk.TimeoutError);
    assert.equal(error.phase, phase === 'total' ? 'total' : 'first_byte');
  }
});

test('a form', async () => {
  const audio = await client.audio.speech.create({
    model: 'tts-1',
    input: 'Hello there.',
    voice: 'alloy',
    response_format: 'wav',
  });
  const bytes = new Uint8Array(await audio.arrayBuffer());
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 4)), 'RIFF');

  const heard = await client.audio.transcriptions.create({
    model: 'whisper-1',
    file: sdk.file('hello.wav', bytes, { type: 'audio/wav' }),
  });
  assert.equal(typeof heard.text, 'string');
});
