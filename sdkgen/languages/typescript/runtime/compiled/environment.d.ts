/** What surrounds the program: environment variables, the JavaScript runtime, random identifiers. */
/** An environment variable, trimmed; undefined when it is unset, empty, or there is no environment (browsers). */
export declare function env(name: string): string | undefined;
/** Whether this is a page or a worker of a browser. */
export declare const isBrowser: boolean;
/** `node-20.11`, `deno-1.40`, `bun-1.1`, `browser` …: a runtime with two numbers of its version. */
export declare const runtimeName: string;
/** `linux`, `darwin`, `win32` …; `other` where it cannot be known. */
export declare const osName: string;
/** Whether a request leaves the page's origin, so that the browser asks the server about each unusual header first. */
export declare function isCrossOrigin(url: string): boolean;
/** A random UUID, also on Node 18 and on pages without TLS, where `crypto.randomUUID` is missing. */
export declare function randomId(): string;
