import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientOf, failureOf, load, serve } from './support.mjs';

const { MultipartBody, file, streamOf } = await load('uploads');
const { fileFromPath, nodeFetch } = await load('node');
const FILES = { method: 'POST', path: '/v1/files', answer: 'json', sends: 'form' };
const SOON = { 'retry-after-ms': '1' };

test('a form has one part for each value', async () => {
  const form = new MultipartBody(
    {
      purpose: 'batch',
      n: 2,
      none: undefined,
      null: null,
      tags: ['a', 'b'],
      anchor: { at: 1 },
      'fi"le': file('a"\r\n\\é.txt', 'héllo', { type: 'text/plain' }),
      blob: new Blob(['x']),
    },
    'B',
  );

  const text = await new Response(streamOf(form.parts, form.size)).text();

  assert.equal(
    text,
    [
      '--B',
      'Content-Disposition: form-data; name="purpose"',
      '',
      'batch',
      '--B',
      'Content-Disposition: form-data; name="n"',
      '',
      '2',
      '--B',
      'Content-Disposition: form-data; name="tags"',
      '',
      'a',
      '--B',
      'Content-Disposition: form-data; name="tags"',
      '',
      'b',
      '--B',
      'Content-Disposition: form-data; name="anchor"',
      '',
      '{"at":1}',
      '--B',
      'Content-Disposition: form-data; name="fi%22le"; filename="a%22%0D%0A\\é.txt"',
      'Content-Type: text/plain',
      '',
      'héllo',
      '--B',
      'Content-Disposition: form-data; name="blob"; filename="file"',
      'Content-Type: application/octet-stream',
      '',
      'x',
      '--B--',
      '',
    ].join('\r\n'),
  );
  assert.equal(form.size, Buffer.byteLength(text));
  assert.equal(await (await form.blob()).text(), text);
});

for (const [name, fetch] of [
  ['fetch', undefined],
  ['nodeFetch', nodeFetch()],
]) {
  test(`${name} streams a file of the disk, tells its progress and sends it again`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'upload-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'train.jsonl');
    await writeFile(path, Buffer.alloc(300_000, 'é'));
    const { url, requests } = await serve(t, { status: 503, headers: SOON }, { body: { id: 'file-1' } });
    const seen = [];
    const upload = await fileFromPath(path, { type: 'application/jsonl' });

    const answer = await clientOf(url, { fetch }).call(
      FILES,
      { body: { purpose: 'fine-tune', file: upload } },
      {
        idempotencyKey: 'upload-1',
        onUploadProgress: (progress) => seen.push(progress),
      },
    );

    assert.deepEqual(answer, { id: 'file-1' });
    assert.equal(requests.length, 2);
    for (const { body, headers } of requests) {
      assert.equal(headers['content-length'], String(body.length));
      const form = await new Response(body, { headers: { 'content-type': headers['content-type'] } }).formData();
      assert.deepEqual(
        [form.get('purpose'), form.get('file').name, form.get('file').type],
        ['fine-tune', 'train.jsonl', 'application/jsonl'],
      );
      assert.equal(form.get('file').size, 300_000);
    }
    assert.deepEqual(seen.at(-1), { sent: requests[1].body.length, total: requests[1].body.length });
    assert.ok(seen.length > 6, 'piece by piece');
  });

  test(`${name} sends a stream of unknown length once`, async (t) => {
    const { url, requests } = await serve(t, { status: 503, headers: SOON });
    async function* bytes() {
      yield Buffer.from('a');
      yield Buffer.from('b');
    }

    const error = await failureOf(
      clientOf(url, { fetch }).call(FILES, { body: { file: file('x', bytes()) } }, { idempotencyKey: 'k' }),
    );

    assert.equal(error.status, 503);
    assert.equal(requests.length, 1);
    assert.equal(requests[0].headers['transfer-encoding'], 'chunked');
    assert.match(requests[0].body.toString(), /\r\n\r\nab\r\n/);
  });
}

test('bytes are sent as they are, of each kind', async (t) => {
  const { url, requests } = await serve(t, { body: {} });
  const operation = { method: 'PUT', path: '/part', answer: 'json', sends: 'bytes' };

  for (const body of ['é', new Uint8Array([195, 169]), new Blob(['é']), file('x', 'é')])
    await clientOf(url).call(operation, { body });

  assert.deepEqual(
    requests.map(({ body }) => body.toString()),
    ['é', 'é', 'é', 'é'],
  );
  assert.deepEqual(
    new Set(requests.map(({ headers }) => headers['content-type'])),
    new Set(['application/octet-stream']),
  );
});

test('a file that cannot be read fails the call with its reason', async (t) => {
  const { url } = await serve(t, { body: {} });

  const upload = await fileFromPath(new URL(import.meta.url).pathname);
  const broken = Object.assign(Object.create(Object.getPrototypeOf(upload)), upload, {
    async *open() {
      yield Buffer.from('a');
      throw new Error('the disk is gone');
    },
  });

  for (const fetch of [undefined, nodeFetch()]) {
    const error = await failureOf(clientOf(url, { fetch }).call(FILES, { body: { file: broken } }));
    assert.match(String(error.message) + String(error.cause?.message), /the disk is gone/);
  }
});
