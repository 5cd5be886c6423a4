/** Log lines about requests, without bodies and without secrets. */

import { env } from './environment.js';

/** What `console` and the usual loggers have. */
export interface Logger {
  error(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  info(message: string, ...details: unknown[]): void;
  debug(message: string, ...details: unknown[]): void;
}

export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug';

const LEVELS: readonly LogLevel[] = ['off', 'error', 'warn', 'info', 'debug'];
const SECRET_HEADERS =
  /^(authorization|proxy-authorization|cookie|set-cookie|.*(api-?key|token|secret|password|signature).*)$/i;
const SECRET_PARAMETERS = /([?&][^=&]*(?:key|token|secret|password|signature)[^=&]*=)[^&#]*/gi;

/** The level that is asked for, else that of `GATEWAY_LOG`, else `warn`. */
export function logLevel(asked: LogLevel | undefined): LogLevel {
  const found = asked ?? env('GATEWAY_LOG')?.toLowerCase();
  return LEVELS.includes(found as LogLevel) ? (found as LogLevel) : 'warn';
}

/** The logger with everything above `level` left out. */
export function leveled(logger: Logger, level: LogLevel): Logger {
  const upTo = LEVELS.indexOf(level);
  const of = (name: Exclude<LogLevel, 'off'>): Logger['error'] =>
    LEVELS.indexOf(name) <= upTo
      ? (message, ...details) => logger[name](`[llm-gateway] ${message}`, ...details)
      : () => undefined;
  return { error: of('error'), warn: of('warn'), info: of('info'), debug: of('debug') };
}

/** Headers as they may be shown. */
export function shownHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  headers.forEach((value, name) => {
    shown[name] = SECRET_HEADERS.test(name) ? '***' : value;
  });
  return shown;
}

/** A URL as it may be shown. */
export function shownUrl(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1***@').replace(SECRET_PARAMETERS, '$1***');
}
