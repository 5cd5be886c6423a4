/** Server-sent events (WHATWG HTML, "Server-sent events", §9.2.6), from bytes as they arrive. */

/** One event as it came over the wire. */
export interface ServerSentEvent {
  /** The event's name; `message` when it has none. */
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/**
 * Cuts a stream of bytes into events. Lines end with LF, CR or CRLF, wherever a chunk is cut. An event without its
 * blank line at the end of the stream is none, as the standard says.
 */
export class SseDecoder {
  #text = new TextDecoder(); // drops a byte order mark, and keeps bytes of characters that are cut
  #pieces: string[] = []; // the line that has begun; joined once, so that a long line in small pieces costs no more
  #skipsLineFeed = false;
  #event = '';
  #data: string | null = null;
  #id: string | null = null;
  #found: ServerSentEvent[] = [];
  readonly #onComment: ((comment: string) => void) | undefined;

  constructor(onComment?: (comment: string) => void) {
    this.#onComment = onComment;
  }

  /** The events that these bytes complete. */
  push(bytes: Uint8Array): ServerSentEvent[] {
    this.#lines(this.#text.decode(bytes, { stream: true }));
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** Whether an event has begun and not ended. */
  get isWithin(): boolean {
    return this.#data !== null || this.#event !== '' || this.#pieces.length > 0;
  }

  #lines(text: string): void {
    let start = 0;
    if (this.#skipsLineFeed && text.length > 0) {
      this.#skipsLineFeed = false;
      if (text.charCodeAt(0) === 10) start = 1;
    }
    let carriage = text.indexOf('\r', start);
    for (;;) {
      let end = text.indexOf('\n', start);
      if (carriage !== -1 && carriage < start) carriage = text.indexOf('\r', start);
      const isCarriage = carriage !== -1 && (end === -1 || carriage < end);
      if (isCarriage) end = carriage;
      if (end === -1) break;
      this.#line(text.slice(start, end));
      start = end + 1;
      if (isCarriage) {
        if (start === text.length) this.#skipsLineFeed = true;
        else if (text.charCodeAt(start) === 10) start++;
      }
    }
    if (start < text.length) this.#pieces.push(text.slice(start));
  }

  #line(rest: string): void {
    let line = rest;
    if (this.#pieces.length > 0) {
      this.#pieces.push(rest);
      line = this.#pieces.join('');
      this.#pieces = [];
    }
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return this.#onComment?.(line.slice(1));
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (name === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }

  #dispatch(): void {
    if (this.#data !== null) this.#found.push({ event: this.#event || 'message', data: this.#data, id: this.#id });
    this.#event = '';
    this.#data = null;
  }
}
