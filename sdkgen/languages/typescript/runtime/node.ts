/** For Node alone: proxies, own certificates, a limit on connecting, and files of the disk. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { basename } from 'node:path';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as tls from 'node:tls';
import * as zlib from 'node:zlib';

import { env } from './environment.js';
import { ConnectionError, GatewayError, TimeoutError } from './errors.js';
import type { Fetch, FetchInit } from './options.js';
import { Upload } from './uploads.js';

/** PEM text, or several. */
type Pem = string | Uint8Array | readonly (string | Uint8Array)[];

export interface NodeFetchOptions {
  /**
   * `http://user:password@proxy:3128`, also `https:`; null for none. Without it `HTTPS_PROXY` or `HTTP_PROXY`, unless
   * `NO_PROXY` names the host.
   */
  readonly proxy?: string | null;
  readonly tls?: {
    /** Authorities to trust instead of Node's own. */
    readonly ca?: Pem;
    /** The client's certificate and key. */
    readonly cert?: Pem;
    readonly key?: Pem;
    readonly passphrase?: string;
    /** The name the server must prove, when it is not that of the URL. */
    readonly servername?: string;
    /** `false` trusts anybody: for experiments. */
    readonly rejectUnauthorized?: boolean;
  };
  /** Connections to one host (default: no limit). */
  readonly maxConnections?: number;
  /** Milliseconds an idle connection is kept (default 4,000: less than servers wait). */
  readonly keepAliveMs?: number;
}

/**
 * A `fetch` over `node:http` with connections that are used again: `new Client({ fetch: nodeFetch({ proxy }) })`. It
 * follows no redirects.
 */
export function nodeFetch(options: NodeFetchOptions = {}): Fetch {
  const agents = new Agents(options);
  return (url, init) => send(new URL(url), init, agents);
}

/** A file of the disk, read while it is sent. */
export async function fileFromPath(
  path: string,
  options: { readonly name?: string; readonly type?: string } = {},
): Promise<Upload> {
  const { size } = await stat(path);
  const open = (): AsyncIterable<Uint8Array> => createReadStream(path) as AsyncIterable<Uint8Array>;
  return new Upload(options.name ?? basename(path), options.type ?? 'application/octet-stream', size, open);
}

/** The agents that hold the connections, by what lies between. */
class Agents {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
  readonly #options: NodeFetchOptions;
  readonly #tunnels = new Map<string, https.Agent>();

  constructor(options: NodeFetchOptions) {
    this.#options = options;
    this.plain = new http.Agent(this.#pool);
    this.secure = new https.Agent({ ...this.#pool, ...this.tls });
  }

  get #pool(): http.AgentOptions {
    const { maxConnections, keepAliveMs } = this.#options;
    return {
      keepAlive: true,
      maxSockets: maxConnections ?? Infinity,
      timeout: keepAliveMs ?? 4_000,
      scheduling: 'lifo',
    };
  }

  get tls(): tls.ConnectionOptions {
    const { ca, cert, key, ...rest } = this.#options.tls ?? {};
    const pem = (value: Pem): string | Buffer | (string | Buffer)[] => {
      const one = (item: string | Uint8Array): string | Buffer => (typeof item === 'string' ? item : Buffer.from(item));
      return typeof value === 'string' || value instanceof Uint8Array ? one(value) : value.map(one);
    };
    return { ...rest, ...(ca && { ca: pem(ca) }), ...(cert && { cert: pem(cert) }), ...(key && { key: pem(key) }) };
  }

  /** The proxy for a URL, or null. */
  proxyFor(url: URL): URL | null {
    const { proxy } = this.#options;
    if (proxy !== undefined) return proxy === null ? null : proxyUrl(proxy);
    if (isExempt(url.hostname, env('NO_PROXY') ?? env('no_proxy') ?? '')) return null;
    const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
    const found = env(name.toLowerCase()) ?? env(name);
    return found === undefined ? null : proxyUrl(found);
  }

  /** Connections through a proxy's tunnels, each to one host. */
  tunnel(proxy: URL): https.Agent {
    let agent = this.#tunnels.get(proxy.href);
    if (agent === undefined) {
      agent = new https.Agent({ ...this.#pool, ...this.tls });
      const create = (to: tls.ConnectionOptions, done: (error: Error | null, socket?: Duplex) => void): undefined => {
        openTunnel(proxy, `${to.host ?? ''}:${to.port ?? 443}`, this.tls).then(
          (socket) => done(null, tls.connect({ ...to, socket, servername: to.servername ?? to.host ?? '' })),
          (error: unknown) => done(error as Error),
        );
      };
      Object.assign(agent, { createConnection: create });
      this.#tunnels.set(proxy.href, agent);
    }
    return agent;
  }
}

async function send(url: URL, init: FetchInit, agents: Agents): Promise<Response> {
  const proxy = agents.proxyFor(url);
  const isSecure = url.protocol === 'https:';
  const headers: Record<string, string> = { 'accept-encoding': 'gzip, deflate', 'user-agent': 'llm-gateway' };
  new Headers(init.headers).forEach((value, name) => {
    headers[name] = value;
  });
  const options: https.RequestOptions = {
    method: init.method ?? 'GET',
    headers,
    host: bare(url.hostname),
    port: url.port || (isSecure ? 443 : 80),
    path: url.pathname + url.search,
    agent: isSecure ? (proxy === null ? agents.secure : agents.tunnel(proxy)) : agents.plain,
  };
  if (proxy !== null && !isSecure) {
    Object.assign(options, { host: bare(proxy.hostname), port: proxy.port || 80, path: url.href });
    headers['host'] = url.host;
    const credential = credentialOf(proxy);
    if (credential !== null) headers['proxy-authorization'] = credential;
  }
  return new Promise((resolve, reject) => {
    if (init.signal?.aborted) return reject(init.signal.reason as Error);
    const request = (isSecure ? https : http).request(options);
    const onAbort = (): void => void request.destroy(init.signal?.reason as Error);
    init.signal?.addEventListener('abort', onAbort, { once: true });
    request.on('close', () => init.signal?.removeEventListener('abort', onAbort));
    request.on('error', (error) => reject(init.signal?.aborted ? (init.signal.reason as Error) : error));
    request.on('response', (message) => resolve(responseOf(message, init)));
    limitConnecting(request, isSecure, init.connectTimeout ?? null);
    void write(request, init.body ?? null);
  });
}

/** The limit covers the queue for a connection, the proxy's tunnel and TLS. */
function limitConnecting(request: http.ClientRequest, isSecure: boolean, ms: number | null): void {
  if (ms === null) return;
  const timer = setTimeout(() => request.destroy(new TimeoutError('connect', ms)), ms);
  const stop = (): void => clearTimeout(timer);
  request.on('close', stop);
  request.on('socket', (socket) => {
    if (request.reusedSocket) stop();
    else socket.once(isSecure ? 'secureConnect' : 'connect', stop);
  });
}

async function write(request: http.ClientRequest, body: BodyInit | null): Promise<void> {
  if (body instanceof ReadableStream) {
    const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
    source.on('error', (error) => request.destroy(error)); // first: the pipeline's own words for it say less
    await pipeline(source, request).catch(() => undefined); // the request tells its errors
  } else if (body instanceof Blob) request.end(Buffer.from(await body.arrayBuffer()));
  else if (body === null) request.end();
  else if (typeof body === 'string')
    request.end(Buffer.from(body)); // text would take the head's bytes along as UTF-8
  else if (body instanceof Uint8Array) request.end(body);
  else request.destroy(new GatewayError('nodeFetch takes text, bytes, a Blob or a stream.'));
}

function responseOf(message: http.IncomingMessage, init: FetchInit): Response {
  const headers = new Headers();
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    headers.append(message.rawHeaders[i]!, message.rawHeaders[i + 1]!);
  const status = message.statusCode ?? 0;
  if (init.method === 'HEAD' || [204, 205, 304].includes(status)) {
    message.resume();
    return new Response(null, { status, statusText: message.statusMessage ?? '', headers });
  }
  const body = Readable.toWeb(decoded(message, headers)) as unknown as ReadableStream<Uint8Array>;
  return new Response(body, { status, statusText: message.statusMessage ?? '', headers });
}

function decoded(message: http.IncomingMessage, headers: Headers): Readable {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase();
  if (encoding !== 'gzip' && encoding !== 'deflate') return message;
  headers.delete('content-encoding');
  headers.delete('content-length');
  const inflate =
    encoding === 'gzip' ? zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }) : zlib.createInflate();
  message.on('error', (error) => inflate.destroy(error));
  return message.pipe(inflate);
}

/** A socket to `host:port` behind a proxy (RFC 9110, "CONNECT"). */
function openTunnel(proxy: URL, authority: string, trust: tls.ConnectionOptions): Promise<Duplex> {
  const isSecure = proxy.protocol === 'https:';
  const credential = credentialOf(proxy);
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).request({
      ...(isSecure ? { ca: trust.ca } : {}),
      method: 'CONNECT',
      host: bare(proxy.hostname),
      port: proxy.port || (isSecure ? 443 : 80),
      path: authority,
      agent: false,
      headers: { host: authority, ...(credential === null ? {} : { 'proxy-authorization': credential }) },
    });
    request.on('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(
        new ConnectionError(
          `The proxy ${proxy.host} opened no tunnel: ${response.statusCode} ${response.statusMessage}.`,
        ),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

function proxyUrl(text: string): URL {
  const url = new URL(text.includes('://') ? text : `http://${text}`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new GatewayError('A proxy must be http:// or https://.');
  return url;
}

function credentialOf(proxy: URL): string | null {
  if (proxy.username === '' && proxy.password === '') return null;
  const text = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** Whether `NO_PROXY` names the host: `*`, a name, or the end of one (`.example.com`, `example.com`). */
function isExempt(host: string, names: string): boolean {
  return names
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .some((name) => {
      const end = name.replace(/^\*?\./, '');
      return name === '*' || (end !== '' && (host === end || host.endsWith(`.${end}`)));
    });
}

/** An IPv6 address without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
