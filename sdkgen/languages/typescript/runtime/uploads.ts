/** Files to send, and `multipart/form-data` (RFC 7578) that is streamed, can be sent again, and tells its progress. */

import { randomId } from './environment.js';
import { GatewayError } from './errors.js';

/** Bytes sent of how many; `total` is null when a part's length is not known. */
export interface UploadProgress {
  readonly sent: number;
  readonly total: number | null;
}

/** What a file can be made of. A stream can be read once: such a request is not sent again. */
export type FileContent =
  string | Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** A file with its name: see {@link file}, and `fileFromPath` of the entry for Node. */
export class Upload {
  constructor(
    readonly name: string,
    readonly type: string,
    /** Bytes; null when it is not known. */
    readonly size: number | null,
    /** Its bytes from the beginning. */
    readonly open: () => AsyncIterable<Uint8Array>,
    /** Whether {@link open} works more than once. */
    readonly isRepeatable: boolean = true,
    /** The same as a Blob, where the platform has it so. */
    readonly blob: Blob | null = null,
  ) {}
}

/** What a method takes as a file: a `File` or `Blob` of the platform, or an {@link Upload}. */
export type Uploadable = Upload | Blob;

/** A file of some content: `file('notes.txt', 'text')`. */
export function file(name: string, content: FileContent, options: { readonly type?: string } = {}): Upload {
  const of = (type: string, blob: Blob): Upload =>
    new Upload(name, type, blob.size, () => pieces(blob.stream()), true, blob);
  const type = options.type ?? 'application/octet-stream';
  if (content instanceof Blob) return of(options.type ?? (content.type || type), content);
  if (typeof content === 'string' || content instanceof ArrayBuffer || content instanceof Uint8Array) {
    return of(type, new Blob([content as BlobPart]));
  }
  let isOpened = false;
  const open = (): AsyncIterable<Uint8Array> => {
    if (isOpened) throw new GatewayError(`The stream of ${name} was read already and cannot be sent again.`);
    isOpened = true;
    return content instanceof ReadableStream ? pieces(content) : content;
  };
  return new Upload(name, type, null, open, false);
}

/** A form's body that can be opened as often as its files can. */
export class MultipartBody {
  readonly contentType: string;
  /** Bytes; null when a file's length is not known. */
  readonly size: number | null;
  readonly isRepeatable: boolean;
  readonly parts: readonly Part[];

  /** Fields whose value is undefined or null are left out; a list gives a part for each item; objects are sent as JSON. */
  constructor(fields: Readonly<Record<string, unknown>>, boundary = `form-${randomId()}`) {
    this.contentType = `multipart/form-data; boundary=${boundary}`;
    this.parts = [...partsOf(fields, boundary)];
    const sizes = this.parts.map((part) => (part instanceof Upload ? part.size : part.length));
    this.size = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    this.isRepeatable = this.parts.every((part) => !(part instanceof Upload) || part.isRepeatable);
  }

  /** The body as a Blob, for browsers, which send no streams over HTTP/1.1; they read its files as they send them. */
  async blob(): Promise<Blob> {
    const parts: BlobPart[] = [];
    for (const part of this.parts) parts.push(part instanceof Upload ? await blobOf(part) : (part as BlobPart));
    return new Blob(parts);
  }
}

/** Bytes, or a file that is read when it is its turn. */
export type Part = Uint8Array | Upload;

/** A file as a Blob; without one of its own it is read into memory. */
export async function blobOf(upload: Upload): Promise<Blob> {
  if (upload.blob !== null) return upload.blob;
  const parts: BlobPart[] = [];
  for await (const piece of upload.open()) parts.push(piece as BlobPart);
  return new Blob(parts);
}

/** Parts piece by piece, read as they are sent. */
export function streamOf(
  parts: readonly Part[],
  total: number | null,
  onProgress?: (progress: UploadProgress) => void,
): ReadableStream<Uint8Array> {
  const source = bytesOf(parts, total, onProgress);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await source.return();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* bytesOf(
  parts: readonly Part[],
  total: number | null,
  onProgress?: (progress: UploadProgress) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sent = 0;
  for (const part of parts) {
    for await (const piece of part instanceof Upload ? part.open() : [part]) {
      yield piece;
      sent += piece.length;
      onProgress?.({ sent, total });
    }
  }
}

function* partsOf(fields: Readonly<Record<string, unknown>>, boundary: string): Generator<Part> {
  const bytes = new TextEncoder();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item === undefined || item === null) continue;
      const named = quoted(name);
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="${named}"`;
      if (item instanceof Upload || item instanceof Blob) {
        const upload = item instanceof Upload ? item : file(nameOf(item), item);
        yield bytes.encode(`${head}; filename="${quoted(upload.name)}"\r\nContent-Type: ${typeOf(upload)}\r\n\r\n`);
        yield upload;
        yield bytes.encode('\r\n');
      } else {
        yield bytes.encode(`${head}\r\n\r\n${typeof item === 'object' ? JSON.stringify(item) : String(item)}\r\n`);
      }
    }
  }
  yield bytes.encode(`--${boundary}--\r\n`);
}

/** As browsers quote names (WHATWG HTML, "Multipart form data"). */
function quoted(name: string): string {
  return name.replace(/\r\n|\r|\n/g, '%0D%0A').replace(/"/g, '%22');
}

function nameOf(blob: Blob): string {
  const name = (blob as { readonly name?: unknown }).name;
  return typeof name === 'string' && name !== '' ? name : 'file';
}

function typeOf(upload: Upload): string {
  return /^[\x20-\x7e]+$/.test(upload.type) ? upload.type : 'application/octet-stream';
}

/** ReadableStream is no AsyncIterable in all browsers. */
async function* pieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
