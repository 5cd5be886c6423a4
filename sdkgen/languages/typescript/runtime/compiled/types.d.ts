/** Types that the generated models are made of. Nothing here exists at run time but {@link asUnknown}. */
/** A string of which the usual values are known; a server may send, and accept, others. */
export type OpenEnum<T extends string> = T | (string & {});
/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | {
    readonly [field: string]: Json;
};
declare enum Tag {
    unknown = "a discriminator that this version does not know"
}
/** The discriminator of an {@link UnknownVariant}: at run time whatever string the server sent. */
export type UnknownTag = Tag.unknown;
/** A variant of a union that is newer than this package: all its fields are there, untyped. */
export type UnknownVariant<K extends string> = {
    readonly [P in K]: UnknownTag;
} & {
    readonly [field: string]: unknown;
};
/** Send a variant that this package does not know yet: `asUnknown({ type: 'new_part', … })`. */
export declare function asUnknown<K extends string = 'type'>(value: {
    readonly [P in K]: string;
}): UnknownVariant<K>;
export {};
