import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, failureOf, serve } from './support.mjs';

const TEAMS = {
  method: 'GET',
  path: '/api/v1/teams/',
  answer: 'json',
  page: { kind: 'page', items: 'results', next: 'page', more: 'next' },
};
const JOBS = {
  method: 'GET',
  path: '/v1/fine_tuning/jobs',
  answer: 'json',
  page: { kind: 'cursor', items: 'data', next: 'after', more: 'has_more' },
};

test('numbered pages are walked by number; the URL that the server names is not followed', async (t) => {
  const next = 'https://elsewhere.example/api/v1/teams/?page=2&status=a&status=b';
  const { url, requests } = await serve(
    t,
    { body: { count: 3, next, previous: null, results: [{ id: 1 }, { id: 2 }] } },
    { headers: { 'x-request-id': 'req_2' }, body: { count: 3, next: null, previous: 'x', results: [{ id: 3 }] } },
  );
  const found = [];

  for await (const team of clientOf(url).page(TEAMS, { query: { status: ['a', 'b'] } })) found.push(team.id);

  assert.deepEqual(found, [1, 2, 3]);
  assert.deepEqual(
    requests.map((request) => request.url),
    ['/api/v1/teams/?status=a%2Cb', '/api/v1/teams/?status=a%2Cb&page=2'],
  );
  assert.match(requests[1].headers['x-gateway-sdk'], /via=page$/);
});

test('a page by hand', async (t) => {
  const { url } = await serve(
    t,
    { body: { count: 2, next: '/x?page=2', results: [1] } },
    { headers: { 'x-request-id': 'req_2' }, body: { count: 2, next: null, results: [2] } },
  );

  const first = await clientOf(url).page(TEAMS, {});
  const second = await first.next();

  assert.deepEqual([first.items, first.body.count, first.hasNext], [[1], 2, true]);
  assert.deepEqual(
    [second.items, second.hasNext, await second.next(), second.gateway.requestId],
    [[2], false, null, 'req_2'],
  );
});

test('cursors go on after the last item', async (t) => {
  const { url, requests } = await serve(
    t,
    { body: { data: [{ id: 'a' }, { id: 'b' }], has_more: true } },
    { body: { data: [{ id: 'c' }], has_more: false } },
  );
  const pages = [];

  for await (const page of clientOf(url)
    .page(JOBS, { query: { limit: 2 } })
    .pages())
    pages.push(page.items.map(({ id }) => id));

  assert.deepEqual(pages, [['a', 'b'], ['c']]);
  assert.deepEqual(
    requests.map((request) => request.url),
    ['/v1/fine_tuning/jobs?limit=2', '/v1/fine_tuning/jobs?limit=2&after=b'],
  );
});

test('a cursor that does not move is not followed for ever', async (t) => {
  const { url, requests } = await serve(t, { body: { data: [{ id: 'a' }], has_more: true } });

  const error = await failureOf(
    (async () => {
      for await (const _ of clientOf(url).page(JOBS, {}));
    })(),
  );

  assert.equal(error.message, 'The server names the same page as the next one.');
  assert.equal(requests.length, 2);
});

test('leaving the loop asks for no further page', async (t) => {
  const { url, requests } = await serve(t, { body: { results: [1, 2], next: '/x?page=2' } });

  for await (const _ of clientOf(url).page(TEAMS, {})) break;

  assert.equal(requests.length, 1);
});
