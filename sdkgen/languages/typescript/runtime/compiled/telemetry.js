/** The one header that says which package calls. No identifier is in it; `telemetry: false` leaves it out. */
import { env, isCrossOrigin, osName, runtimeName } from './environment.js';
export const TELEMETRY_HEADER = 'x-gateway-sdk';
/** Whether the header is sent: `GATEWAY_SDK_TELEMETRY=0` decides when the options do not. */
export function isTelemetryOn(asked) {
    return asked ?? !/^(0|false|off|no)$/i.test(env('GATEWAY_SDK_TELEMETRY') ?? '');
}
/**
 * `typescript/1.4.0; rt=node-20.11; os=linux; spec=ab12cd34ef56; try=0; via=stream`, or null where a browser would first
 * ask another origin whether it may send the header.
 */
export function telemetryOf(info, url, retries, via) {
    if (isCrossOrigin(url))
        return null;
    const spec = info.spec.slice(0, 12);
    const about = `typescript/${info.version}; rt=${runtimeName}; os=${osName}; spec=${spec}; try=${retries}`;
    return via === undefined ? about : `${about}; via=${via}`;
}
