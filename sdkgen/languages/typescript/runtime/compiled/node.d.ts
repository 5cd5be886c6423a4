/** For Node alone: proxies, own certificates, a limit on connecting, and files of the disk. */
import type { Fetch } from './options.js';
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
export declare function nodeFetch(options?: NodeFetchOptions): Fetch;
/** A file of the disk, read while it is sent. */
export declare function fileFromPath(path: string, options?: {
    readonly name?: string;
    readonly type?: string;
}): Promise<Upload>;
export {};
