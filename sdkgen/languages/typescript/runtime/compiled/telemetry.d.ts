/** The one header that says which package calls. No identifier is in it; `telemetry: false` leaves it out. */
export declare const TELEMETRY_HEADER = "x-gateway-sdk";
/** What the generated package says about itself. */
export interface PackageInfo {
    readonly version: string;
    /** The beginning of the hash of the API's document that it was generated from. */
    readonly spec: string;
}
/** Through which helper a request is made. */
export type Helper = 'stream' | 'page' | 'upload';
/** Whether the header is sent: `GATEWAY_SDK_TELEMETRY=0` decides when the options do not. */
export declare function isTelemetryOn(asked: boolean | undefined): boolean;
/**
 * `typescript/1.4.0; rt=node-20.11; os=linux; spec=ab12cd34ef56; try=0; via=stream`, or null where a browser would first
 * ask another origin whether it may send the header.
 */
export declare function telemetryOf(info: PackageInfo, url: string, retries: number, via: Helper | undefined): string | null;
