import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAT, clientOf, events, failureOf, load, serve } from './support.mjs';

const { foldOf } = await load('fold');

function folded(name, ...said) {
  const fold = foldOf(name);
  for (const event of said) fold.add(event);
  return fold.whole();
}

test('chat chunks add up to a completion, tools and probabilities included', () => {
  const chunk = (choices, more = {}) => ({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices, ...more });

  assert.deepEqual(
    folded(
      'chat',
      chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null, logprobs: null }]),
      chunk([{ index: 0, delta: { content: 'Hel' }, logprobs: { content: [1] } }]),
      chunk([
        {
          index: 1,
          delta: {
            role: 'assistant',
            tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'f', arguments: '' } }],
          },
        },
      ]),
      chunk([{ index: 0, delta: { content: 'lo' }, logprobs: { content: [2] }, finish_reason: 'stop' }]),
      chunk([{ index: 1, delta: { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] } }]),
      chunk([
        {
          index: 1,
          delta: { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
          finish_reason: 'tool_calls',
        },
      ]),
      chunk([], { usage: { total_tokens: 3 } }),
    ),
    {
      id: 'c',
      object: 'chat.completion',
      model: 'm',
      usage: { total_tokens: 3 },
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello' },
          finish_reason: 'stop',
          logprobs: { content: [1, 2] },
        },
        {
          index: 1,
          message: {
            role: 'assistant',
            tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
    },
  );
});

test('a delta cannot change what an object is', () => {
  const hostile = JSON.parse('{"choices":[{"index":0,"delta":{"__proto__":{"polluted":1},"content":"a"}}]}');

  const { choices } = folded('chat', hostile);

  assert.deepEqual(choices[0].message, { role: 'assistant', content: 'a' });
  assert.equal(choices[0].message.polluted, undefined);
});

test('text adds up', () => {
  assert.deepEqual(
    folded(
      'completion',
      { id: 'c', choices: [{ index: 0, text: 'a' }] },
      { id: 'c', choices: [{ index: 0, text: 'b', finish_reason: 'stop' }] },
    ),
    { id: 'c', choices: [{ index: 0, text: 'ab', finish_reason: 'stop' }] },
  );
});

test("Anthropic's blocks add up, also when they are cut", () => {
  const start = {
    type: 'message_start',
    message: { id: 'msg', role: 'assistant', content: [], usage: { input_tokens: 2 } },
  };
  const said = [
    start,
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '1}' } },
  ];
  const whole = (input, more) => ({
    id: 'msg',
    role: 'assistant',
    content: [
      { type: 'text', text: 'Hi' },
      { type: 'tool_use', id: 't', name: 'f', input },
    ],
    ...more,
  });

  assert.deepEqual(folded('messages', ...said), whole({}, { usage: { input_tokens: 2 } }));
  assert.deepEqual(
    folded(
      'messages',
      ...said,
      { type: 'content_block_stop', index: 1 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 5 } },
      { type: 'message_stop' },
    ),
    whole({ a: 1 }, { stop_reason: 'tool_use', usage: { input_tokens: 2, output_tokens: 5 } }),
  );
});

test("OpenAI's responses add up, and the last event has the whole", () => {
  const created = { type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } };
  const said = [
    created,
    { type: 'response.output_item.added', output_index: 0, item: { type: 'message', content: [] } },
    { type: 'response.content_part.added', output_index: 0, content_index: 0, part: { type: 'output_text', text: '' } },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'He' },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'llo' },
    { type: 'response.output_item.added', output_index: 1, item: { type: 'function_call', name: 'f', arguments: '' } },
    { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{}' },
  ];
  const output = [
    { type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
    { type: 'function_call', name: 'f', arguments: '{}' },
  ];

  assert.deepEqual(folded('responses', ...said), { id: 'r', status: 'in_progress', output });
  const whole = { id: 'r', status: 'completed', output };
  assert.deepEqual(folded('responses', ...said, { type: 'response.completed', response: whole }), whole);
});

test('final() gives the whole answer, and says so when there is none', async (t) => {
  const chunk = (text) => `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: text } }] })}\n\n`;
  const { url } = await serve(t, events(chunk('a'), chunk('b'), 'data: [DONE]\n\n'));
  const ask = (stream) => clientOf(url).stream({ ...CHAT, stream }, { body: {} });

  assert.equal((await (await ask({ done: '[DONE]', fold: 'chat' })).final()).choices[0].message.content, 'ab');
  assert.match((await failureOf((await ask({ done: '[DONE]' })).final())).message, /no whole answer/);
});
