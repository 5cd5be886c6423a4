/** Files to send, and `multipart/form-data` (RFC 7578) that is streamed, can be sent again, and tells its progress. */
/** Bytes sent of how many; `total` is null when a part's length is not known. */
export interface UploadProgress {
    readonly sent: number;
    readonly total: number | null;
}
/** What a file can be made of. A stream can be read once: such a request is not sent again. */
export type FileContent = string | Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
/** A file with its name: see {@link file}, and `fileFromPath` of the entry for Node. */
export declare class Upload {
    readonly name: string;
    readonly type: string;
    /** Bytes; null when it is not known. */
    readonly size: number | null;
    /** Its bytes from the beginning. */
    readonly open: () => AsyncIterable<Uint8Array>;
    /** Whether {@link open} works more than once. */
    readonly isRepeatable: boolean;
    /** The same as a Blob, where the platform has it so. */
    readonly blob: Blob | null;
    constructor(name: string, type: string, 
    /** Bytes; null when it is not known. */
    size: number | null, 
    /** Its bytes from the beginning. */
    open: () => AsyncIterable<Uint8Array>, 
    /** Whether {@link open} works more than once. */
    isRepeatable?: boolean, 
    /** The same as a Blob, where the platform has it so. */
    blob?: Blob | null);
}
/** What a method takes as a file: a `File` or `Blob` of the platform, or an {@link Upload}. */
export type Uploadable = Upload | Blob;
/** A file of some content: `file('notes.txt', 'text')`. */
export declare function file(name: string, content: FileContent, options?: {
    readonly type?: string;
}): Upload;
/** A form's body that can be opened as often as its files can. */
export declare class MultipartBody {
    readonly contentType: string;
    /** Bytes; null when a file's length is not known. */
    readonly size: number | null;
    readonly isRepeatable: boolean;
    readonly parts: readonly Part[];
    /** Fields whose value is undefined or null are left out; a list gives a part for each item; objects are sent as JSON. */
    constructor(fields: Readonly<Record<string, unknown>>, boundary?: string);
    /** The body as a Blob, for browsers, which send no streams over HTTP/1.1; they read its files as they send them. */
    blob(): Promise<Blob>;
}
/** Bytes, or a file that is read when it is its turn. */
export type Part = Uint8Array | Upload;
/** A file as a Blob; without one of its own it is read into memory. */
export declare function blobOf(upload: Upload): Promise<Blob>;
/** Parts piece by piece, read as they are sent. */
export declare function streamOf(parts: readonly Part[], total: number | null, onProgress?: (progress: UploadProgress) => void): ReadableStream<Uint8Array>;
