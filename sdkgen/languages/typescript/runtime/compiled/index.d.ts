/** The hand-written part of the package. */
export type { Timeouts } from './attempt.js';
export { BaseClient, type PackageDefaults } from './client.js';
export * from './errors.js';
export type { Logger, LogLevel } from './logging.js';
export type { GatewayMetadata, RateLimit } from './metadata.js';
export type { ApiKey, ClientOptions, Fetch, FetchInit, GatewayOptions, RequestOptions, Retry } from './options.js';
export { Page, PagePromise, type PageFormat } from './pagination.js';
export { ApiPromise, type Answer } from './promise.js';
export { Resource } from './resource.js';
export type { Arguments, HeadersInput, Operation } from './request.js';
export { SseDecoder, type ServerSentEvent } from './sse.js';
export { Stream, UnknownEvent, type StreamFormat } from './stream.js';
export { asUnknown, type Json, type OpenEnum, type UnknownTag, type UnknownVariant } from './types.js';
export { Upload, file, type FileContent, type Uploadable, type UploadProgress } from './uploads.js';
