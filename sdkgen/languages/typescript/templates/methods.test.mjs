// Each method asks for what the document says, with the right key. Nothing leaves this process.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gateway } from '../lib/index.js';

const ROWS = [
  /*{{rows}}*/
];

const ANSWERS = { json: '{"kept":1}', text: 'plain', binary: 'bytes', none: '' };

for (const { called, args, http, path, auth, answer, isIdempotent } of ROWS) {
  test(called, async () => {
    const asked = [];
    const fetch = async (url, init) => {
      asked.push({ url, init });
      return new Response(answer === 'none' ? null : ANSWERS[answer], { status: answer === 'none' ? 204 : 200 });
    };
    const keys = { apiKey: 'key', managementKey: 'management' };
    const client = new Gateway({ ...keys, baseUrl: 'https://gateway.example/base', fetch });
    const parts = called.split('.');
    const resource = parts.slice(0, -1).reduce((place, name) => place[name], client);

    const data = await resource[parts.at(-1)](...args);

    assert.equal(asked.length, 1);
    const [{ url, init }] = asked;
    assert.deepEqual([init.method, url], [http, `https://gateway.example/base${path}`]);
    assert.equal(init.headers.get('authorization'), auth === 'none' ? null : `Bearer ${auth}`);
    assert.equal(init.headers.has('idempotency-key'), isIdempotent);
    if (answer === 'json') assert.deepEqual('body' in data && 'items' in data ? data.body : data, { kept: 1 });
    else if (answer === 'binary') assert.equal(await data.text(), 'bytes');
    else assert.equal(data, answer === 'text' ? 'plain' : undefined);
  });
}
