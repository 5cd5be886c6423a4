/** Types that the generated models are made of. Nothing here exists at run time but {@link asUnknown}. */
/** Send a variant that this package does not know yet: `asUnknown({ type: 'new_part', … })`. */
export function asUnknown(value) {
    return value;
}
