/** Files to send, and `multipart/form-data` (RFC 7578) that is streamed, can be sent again, and tells its progress. */
import { randomId } from './environment.js';
import { GatewayError } from './errors.js';
/** A file with its name: see {@link file}, and `fileFromPath` of the entry for Node. */
export class Upload {
    name;
    type;
    size;
    open;
    isRepeatable;
    blob;
    constructor(name, type, 
    /** Bytes; null when it is not known. */
    size, 
    /** Its bytes from the beginning. */
    open, 
    /** Whether {@link open} works more than once. */
    isRepeatable = true, 
    /** The same as a Blob, where the platform has it so. */
    blob = null) {
        this.name = name;
        this.type = type;
        this.size = size;
        this.open = open;
        this.isRepeatable = isRepeatable;
        this.blob = blob;
    }
}
/** A file of some content: `file('notes.txt', 'text')`. */
export function file(name, content, options = {}) {
    const of = (type, blob) => new Upload(name, type, blob.size, () => pieces(blob.stream()), true, blob);
    const type = options.type ?? 'application/octet-stream';
    if (content instanceof Blob)
        return of(options.type ?? (content.type || type), content);
    if (typeof content === 'string' || content instanceof ArrayBuffer || content instanceof Uint8Array) {
        return of(type, new Blob([content]));
    }
    let isOpened = false;
    const open = () => {
        if (isOpened)
            throw new GatewayError(`The stream of ${name} was read already and cannot be sent again.`);
        isOpened = true;
        return content instanceof ReadableStream ? pieces(content) : content;
    };
    return new Upload(name, type, null, open, false);
}
/** A form's body that can be opened as often as its files can. */
export class MultipartBody {
    contentType;
    /** Bytes; null when a file's length is not known. */
    size;
    isRepeatable;
    parts;
    /** Fields whose value is undefined or null are left out; a list gives a part for each item; objects are sent as JSON. */
    constructor(fields, boundary = `form-${randomId()}`) {
        this.contentType = `multipart/form-data; boundary=${boundary}`;
        this.parts = [...partsOf(fields, boundary)];
        const sizes = this.parts.map((part) => (part instanceof Upload ? part.size : part.length));
        this.size = sizes.includes(null) ? null : sizes.reduce((sum, size) => sum + (size ?? 0), 0);
        this.isRepeatable = this.parts.every((part) => !(part instanceof Upload) || part.isRepeatable);
    }
    /** The body as a Blob, for browsers, which send no streams over HTTP/1.1; they read its files as they send them. */
    async blob() {
        const parts = [];
        for (const part of this.parts)
            parts.push(part instanceof Upload ? await blobOf(part) : part);
        return new Blob(parts);
    }
}
/** A file as a Blob; without one of its own it is read into memory. */
export async function blobOf(upload) {
    if (upload.blob !== null)
        return upload.blob;
    const parts = [];
    for await (const piece of upload.open())
        parts.push(piece);
    return new Blob(parts);
}
/** Parts piece by piece, read as they are sent. */
export function streamOf(parts, total, onProgress) {
    const source = bytesOf(parts, total, onProgress);
    return new ReadableStream({
        async pull(controller) {
            const { done, value } = await source.next();
            if (done)
                controller.close();
            else
                controller.enqueue(value);
        },
        async cancel() {
            await source.return();
        },
    }, { highWaterMark: 0 });
}
async function* bytesOf(parts, total, onProgress) {
    let sent = 0;
    for (const part of parts) {
        for await (const piece of part instanceof Upload ? part.open() : [part]) {
            yield piece;
            sent += piece.length;
            onProgress?.({ sent, total });
        }
    }
}
function* partsOf(fields, boundary) {
    const bytes = new TextEncoder();
    for (const [name, value] of Object.entries(fields)) {
        for (const item of Array.isArray(value) ? value : [value]) {
            if (item === undefined || item === null)
                continue;
            const named = quoted(name);
            const head = `--${boundary}\r\nContent-Disposition: form-data; name="${named}"`;
            if (item instanceof Upload || item instanceof Blob) {
                const upload = item instanceof Upload ? item : file(nameOf(item), item);
                yield bytes.encode(`${head}; filename="${quoted(upload.name)}"\r\nContent-Type: ${typeOf(upload)}\r\n\r\n`);
                yield upload;
                yield bytes.encode('\r\n');
            }
            else {
                yield bytes.encode(`${head}\r\n\r\n${typeof item === 'object' ? JSON.stringify(item) : String(item)}\r\n`);
            }
        }
    }
    yield bytes.encode(`--${boundary}--\r\n`);
}
/** As browsers quote names (WHATWG HTML, "Multipart form data"). */
function quoted(name) {
    return name.replace(/\r\n|\r|\n/g, '%0D%0A').replace(/"/g, '%22');
}
function nameOf(blob) {
    const name = blob.name;
    return typeof name === 'string' && name !== '' ? name : 'file';
}
function typeOf(upload) {
    return /^[\x20-\x7e]+$/.test(upload.type) ? upload.type : 'application/octet-stream';
}
/** ReadableStream is no AsyncIterable in all browsers. */
async function* pieces(stream) {
    const reader = stream.getReader();
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done)
                return;
            yield value;
        }
    }
    finally {
        await reader.cancel();
    }
}
