// The driver of the TypeScript package: see README.md. Its folder stands in SDK.
import { createInterface } from 'node:readline';

const sdk = await import(`${process.env.SDK}/lib/index.js`);
const { nodeFetch } = await import(`${process.env.SDK}/lib/runtime/node.js`);

// What this language calls otherwise, as its users expect.
const KINDS = {
  Abort: 'Cancelled',
  Authentication: 'AuthenticationFailed',
  Connection: 'ConnectionFailed',
  Timeout: 'TimedOut',
  UnprocessableEntity: 'Unprocessable',
};

// The pause that the SDK announces is not waited for.
let isPauseNext = false;
const wait = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...rest) => {
  const isPause = isPauseNext;
  isPauseNext = false;
  return wait(callback, isPause ? 0 : ms, ...rest);
};

async function run({ base_url, operation, args, options = {}, client = {} }) {
  const delays = [];
  const { max_retries, ...more } = client;
  const gateway = new sdk.Gateway({
    baseUrl: base_url,
    apiKey: 'gw-test',
    managementKey: 'gw-manage',
    maxRetries: max_retries,
    ...more,
    fetch: process.env.SDK_TRANSPORT === 'node' ? nodeFetch({ proxy: null }) : undefined,
    onRetry: ({ delayMs }) => {
      delays.push(delayMs / 1000);
      isPauseNext = true;
    },
  });
  const events = [];
  let outcome;
  try {
    outcome = await call(gateway, operation, { ...args }, optionsOf(options), events);
  } catch (error) {
    outcome = { error: told(error) };
  }
  return { ...outcome, delays, ...(events.length > 0 && { events }) };
}

function optionsOf({
  timeouts = {},
  max_retries,
  idempotency_key,
  headers,
  cancel_after_ms,
  tags,
  end_user,
  cache,
  route,
  organization,
}) {
  const { first_byte, ...limits } = timeouts;
  const inMs = Object.entries({ ...limits, firstByte: first_byte }).map(([name, s]) => [
    name,
    s === undefined ? undefined : s * 1000,
  ]);
  let signal;
  if (cancel_after_ms !== undefined) {
    const controller = new AbortController();
    wait(() => controller.abort(), cancel_after_ms);
    signal = controller.signal;
  }
  return {
    timeouts: Object.fromEntries(inMs),
    maxRetries: max_retries,
    idempotencyKey: idempotency_key,
    signal,
    headers: { ...headers, 'x-organization': organization },
    gateway: { tags, endUser: end_user, cache, route },
  };
}

async function call(gateway, operation, args, options, events) {
  const { chat, embeddings, feedback, files, manage, messages, models, responses } = gateway;
  const { id, model, file_id, ...rest } = args;
  switch (operation) {
    case 'chat.create':
      return answered(chat.completions.create(args, options));
    case 'embeddings.create':
      return answered(embeddings.create(args, options));
    case 'feedback.create':
      return answered(feedback.create(args, options));
    case 'keys.create':
      return answered(manage.apiKeys.create(args, options));
    case 'keys.update':
      return answered(manage.apiKeys.update(id, rest, options));
    case 'keys.delete':
      return { answer: (await manage.annotations.delete(id, options)) ?? null };
    case 'analytics.query':
      return answered(manage.admin.analytics.query(args, options));
    case 'models.get':
      return answered(models.get(model, options));
    case 'files.create':
      return answered(files.create({ ...args, file: sdk.file('file.jsonl', args.file) }, options));
    case 'files.content':
      return { text: await (await files.content(file_id, options)).text() };
    case 'files.list':
      return { items: await all(files.list(args, options)) };
    case 'keys.list':
      return { items: await all(manage.apiKeys.list(args, options)) };
    case 'chat.stream':
      return streamed(await chat.completions.stream(args, options), events, null);
    case 'responses.stream':
      return streamed(await responses.stream(args, options), events, KNOWN.responses);
    case 'messages.stream':
      return streamed(await messages.stream(args, options), events, KNOWN.messages);
  }
  throw new Error(`There is no operation ${operation}.`);
}

async function answered(promise) {
  const { data, gateway, response } = await promise.withResponse();
  const { requestId, cost, cache, provider, attempts, retries, isReplay } = gateway;
  return {
    answer: data,
    gateway: {
      status: response.status,
      request_id: requestId,
      cost,
      cache,
      provider,
      attempts,
      retries,
      replayed: isReplay,
    },
    read: data.choices?.map((choice) => choice.message.content) ?? null,
  };
}

async function all(pages) {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
}

// A variant is what the type says of its tag; at run time it is the object that came.
const KNOWN = JSON.parse(process.env.SDK_TAGS);

function shown(event, tags) {
  if (event instanceof sdk.UnknownEvent) return '?';
  if (tags === null) return event;
  if (!(event.type in tags)) return '?';
  return event;
}

async function streamed(stream, events, tags) {
  let text = '';
  for await (const event of tags === null ? stream : stream.events()) {
    events.push(shown(event, tags));
    for (const choice of event.choices ?? []) text += choice.delta?.content ?? '';
  }
  if (text.length > 100_000) return { text_length: text.length };
  return { text, whole: stream.partial, cost: stream.gateway.cost };
}

function told(error) {
  const kind = error.name.replace(/Error$/, '');
  const partial = error.partial?.choices;
  return {
    kind: KINDS[kind] ?? kind,
    status: error.status ?? null,
    code: error.code ?? null,
    message: error.details?.message ?? error.message,
    request_id: error.requestId ?? null,
    retry_after_s: error.retryAfterMs === null || error.retryAfterMs === undefined ? null : error.retryAfterMs / 1000,
    phase: error.phase ?? null,
    sent: error.isSent ?? null,
    ...(partial && { partial_text: partial.map((choice) => choice.message.content ?? '').join('') }),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id: said.id, ...(await run(said)) })}\n`);
}
process.exit(0);
