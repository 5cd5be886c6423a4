/** Log lines about requests, without bodies and without secrets. */
/** What `console` and the usual loggers have. */
export interface Logger {
    error(message: string, ...details: unknown[]): void;
    warn(message: string, ...details: unknown[]): void;
    info(message: string, ...details: unknown[]): void;
    debug(message: string, ...details: unknown[]): void;
}
export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug';
/** The level that is asked for, else that of `GATEWAY_LOG`, else `warn`. */
export declare function logLevel(asked: LogLevel | undefined): LogLevel;
/** The logger with everything above `level` left out. */
export declare function leveled(logger: Logger, level: LogLevel): Logger;
/** Headers as they may be shown. */
export declare function shownHeaders(headers: Headers): Record<string, string>;
/** A URL as it may be shown. */
export declare function shownUrl(url: string): string;
