import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './support.mjs';

const { SseDecoder } = await load('sse');

function decode(bytes, size = bytes.length, comments = []) {
  const decoder = new SseDecoder((comment) => comments.push(comment));
  const found = [];
  for (let i = 0; i < bytes.length; i += size) found.push(...decoder.push(bytes.subarray(i, i + size)));
  return [...found, ...(decoder.isWithin ? [{ event: 'cut', data: null }] : [])].map(({ event, data }) => [
    event,
    data,
  ]);
}
const of = (text) => new TextEncoder().encode(text);

const CASES = {
  'a byte order mark': ['\ufeffdata: a\n\n', [['message', 'a']]],
  'CR alone': [
    'data: a\r\rdata: b\r\r',
    [
      ['message', 'a'],
      ['message', 'b'],
    ],
  ],
  CRLF: [
    'event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n',
    [
      ['x', 'a'],
      ['message', 'b'],
    ],
  ],
  'line ends of all kinds': [
    'data: a\r\n\rdata: b\n\r\ndata: c\r\r',
    [
      ['message', 'a'],
      ['message', 'b'],
      ['message', 'c'],
    ],
  ],
  'several lines of data': ['data: a\ndata:\ndata: b\n\n', [['message', 'a\n\nb']]],
  'no space, and two': [
    'data:a\n\ndata:  b\n\n',
    [
      ['message', 'a'],
      ['message', ' b'],
    ],
  ],
  'a field without a colon': ['data\ndata\n\n', [['message', '\n']]],
  'unknown fields, id and retry': ['id: 7\nretry: 10\nfoo: x\ndata: a\n\n', [['message', 'a']]],
  'an event without data': ['event: ping\n\ndata: a\n\n', [['message', 'a']]],
  'no final blank line, which makes an event none': [
    'data: a\n\ndata: b\n',
    [
      ['message', 'a'],
      ['cut', null],
    ],
  ],
  'no final line end': [
    'data: a\n\ndata: b',
    [
      ['message', 'a'],
      ['cut', null],
    ],
  ],
  'characters of four bytes': ['data: a😀é—b\n\n', [['message', 'a😀é—b']]],
  nothing: ['', []],
};

for (const [name, [text, expected]] of Object.entries(CASES)) {
  test(`the decoder takes ${name}, however it is cut`, () => {
    for (const size of [1, 2, 3, 5, 64]) assert.deepEqual(decode(of(text), size), expected, `in pieces of ${size}`);
  });
}

test('the decoder hands over comments', () => {
  const comments = [];

  assert.deepEqual(decode(of(': ping\n\n: gateway {"cost":"1"}\ndata: a\n\n'), 4, comments), [['message', 'a']]);

  assert.deepEqual(comments, [' ping', ' gateway {"cost":"1"}']);
});

test('a line of a megabyte in small pieces costs no more than its length', () => {
  const long = 'x'.repeat(1 << 20);

  assert.deepEqual(decode(of(`data: ${long}\n\n`), 64), [['message', long]]);
});

test('the last id stays, and one with a NUL is none', () => {
  const decoder = new SseDecoder();

  assert.deepEqual(
    decoder.push(of('id: 1\ndata: a\n\nid: \0\ndata: b\n\n')).map((event) => event.id),
    ['1', '1'],
  );
});
