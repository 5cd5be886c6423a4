/** The hand-written part of the package. */
export { BaseClient } from './client.js';
export * from './errors.js';
export { Page, PagePromise } from './pagination.js';
export { ApiPromise } from './promise.js';
export { Resource } from './resource.js';
export { SseDecoder } from './sse.js';
export { Stream, UnknownEvent } from './stream.js';
export { asUnknown } from './types.js';
export { Upload, file } from './uploads.js';
