// Calls that the test names, over a transport that is the test: a line out for each request, a line in for its answer.
import { createInterface } from 'node:readline';

const sdk = await import(`${process.env.SDK}/lib/index.js`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const said = async () => JSON.parse((await lines.next()).value);
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function fetch(url, { method, headers, body }) {
  const { pathname, search } = new URL(url);
  const bytes =
    body === undefined ? Buffer.alloc(0) : Buffer.from(await new Response(body, { duplex: 'half' }).arrayBuffer());
  tell({
    request: { method, path: pathname + search, headers: Object.fromEntries(headers), body: bytes.toString('base64') },
  });
  const answer = await said();
  const isEmpty = answer.status === 204;
  return new Response(isEmpty ? null : Buffer.from(answer.body, 'base64'), {
    status: answer.status,
    headers: answer.headers,
  });
}

const client = new sdk.Gateway({ baseUrl: 'http://testserver', managementKey: process.env.KEY, maxRetries: 0, fetch });

for (;;) {
  const { done, value } = await lines.next();
  if (done) break;
  const { called, args } = JSON.parse(value);
  const names = called.split('.');
  const resource = names.slice(0, -1).reduce((place, name) => place[name], client);
  try {
    const { data, gateway } = await resource[names.at(-1)](...args).withResponse();
    const isPage = data instanceof sdk.Page;
    const answer = data instanceof Response ? await data.text() : isPage ? data.body : data;
    tell({ answer: answer ?? null, items: isPage ? data.items.length : null, request_id: gateway.requestId });
  } catch (error) {
    if (!(error instanceof sdk.GatewayError)) throw error;
    tell({
      error: error.name,
      status: error.status ?? null,
      code: error.code ?? null,
      fields: (error.errors ?? []).map(({ field }) => field),
      request_id: error.requestId ?? null,
    });
  }
}
