// Each method asks for what the document says, and hands over the answer that the document shows.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CALLS, STREAMS } from './calls.mjs';
import { CASES, KEYS, parts, Server, told } from './support.mjs';

const PLAIN = { text: 'plain', binary: 'bytes', none: '' };

for (const { name, sent, answer } of CASES.methods) {
  test(name, async (t) => {
    const server = await Server.start(t);
    server.play({ status: answer.status, body: PLAIN[answer.kind] ?? answer.body });

    const found = await CALLS[name](server.client());

    sentAs(server.requests, sent);
    if (answer.kind === 'json') assert.deepEqual(found, answer.body);
    else if (answer.kind === 'page') assert.deepEqual(found.body, answer.body);
    else if (answer.kind === 'binary') assert.equal(await found.text(), 'bytes');
    else assert.equal(found, answer.kind === 'text' ? 'plain' : undefined);
  });
}

for (const { name, answers, items, next } of CASES.pages) {
  test(`${name} goes on over all pages`, async (t) => {
    const server = await Server.start(t);
    server.play(...answers.map((body) => ({ body })));

    const found = [];
    for await (const item of CALLS[name](server.client())) found.push(item);

    assert.deepEqual(found, items);
    assert.deepEqual([server.requests.length, server.requests[1].query[next[0]]], [2, next[1]]);
  });
}

for (const kind of CASES.streams) {
  test(`${kind.name} as events`, async (t) => {
    const server = await Server.start(t);
    server.play(told(kind));

    const events = [];
    const stream = await STREAMS[kind.name](server.client());
    for await (const event of stream) events.push(event);

    sentAs(server.requests, kind.sent);
    assert.deepEqual(events, kind.events.map(({ data }) => data)); // also the one of a kind that is not known
  });
}

function sentAs(requests, wanted) {
  assert.equal(requests.length, 1);
  const [{ http, path, query, headers, body }] = requests;
  assert.deepEqual([http, path], [wanted.http, `/base${wanted.path}`]);
  assert.deepEqual(query, wanted.query);
  for (const [name, value] of Object.entries(wanted.headers)) assert.equal(headers[name], value);
  assert.equal(headers.authorization, wanted.auth === 'none' ? undefined : `Bearer ${KEYS[wanted.auth]}`);
  assert.equal('idempotency-key' in headers, wanted.keyed);
  if (wanted.form) sentForm(requests[0], wanted);
  else if (wanted.json !== undefined) {
    assert.equal(headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(body), wanted.json);
  }
}

function sentForm(request, { form, files }) {
  const found = parts(request);
  const fields = found.filter(([, file]) => file === undefined).map(([name, , content]) => [name, content]);
  const uploads = found.filter(([, file]) => file !== undefined);
  assert.deepEqual(fields.sort(), form.sort());
  assert.deepEqual(uploads.map(([name, file]) => [name, file]).sort(), files.sort());
  for (const [, file, content] of uploads) assert.equal(content, readFileSync(file, 'utf8'));
}
