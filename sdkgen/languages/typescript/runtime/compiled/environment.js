/** What surrounds the program: environment variables, the JavaScript runtime, random identifiers. */
const surroundings = globalThis;
/** An environment variable, trimmed; undefined when it is unset, empty, or there is no environment (browsers). */
export function env(name) {
    try {
        return surroundings.process?.env?.[name]?.trim() || undefined;
    }
    catch {
        return undefined; // Deno without --allow-env
    }
}
/** Whether this is a page or a worker of a browser. */
export const isBrowser = surroundings.process?.versions?.['node'] === undefined &&
    surroundings.Deno === undefined &&
    (surroundings.document !== undefined || surroundings.WorkerGlobalScope !== undefined);
/** `node-20.11`, `deno-1.40`, `bun-1.1`, `browser` …: a runtime with two numbers of its version. */
export const runtimeName = (() => {
    const of = (name, version = '') => {
        const numbers = /^(\d+)(?:\.(\d+))?/.exec(version);
        return numbers ? `${name}-${numbers[1]}.${numbers[2] ?? '0'}` : name;
    };
    if (surroundings.Deno !== undefined)
        return of('deno', surroundings.Deno.version?.deno);
    if (surroundings.Bun !== undefined)
        return of('bun', surroundings.Bun.version);
    if (surroundings.EdgeRuntime !== undefined)
        return 'edge';
    const node = surroundings.process?.versions?.['node'];
    if (node !== undefined)
        return of('node', node);
    return isBrowser ? 'browser' : 'other';
})();
/** `linux`, `darwin`, `win32` …; `other` where it cannot be known. */
export const osName = surroundings.Deno?.build?.os ?? surroundings.process?.platform ?? 'other';
/** Whether a request leaves the page's origin, so that the browser asks the server about each unusual header first. */
export function isCrossOrigin(url) {
    const origin = surroundings.location?.origin;
    return isBrowser && (origin === undefined || new URL(url).origin !== origin);
}
/** A random UUID, also on Node 18 and on pages without TLS, where `crypto.randomUUID` is missing. */
export function randomId() {
    const crypto = globalThis.crypto;
    if (crypto?.randomUUID)
        return crypto.randomUUID();
    const bytes = new Uint8Array(16);
    if (crypto?.getRandomValues)
        crypto.getRandomValues(bytes);
    else
        for (let i = 0; i < bytes.length; i++)
            bytes[i] = Math.floor(Math.random() * 256);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
