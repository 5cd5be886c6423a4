/** How the events of a stream add up to the answer as it would have come whole. */
/** The rule by which they do. */
export type FoldName = 'chat' | 'completion' | 'responses' | 'messages';
export interface Fold {
    add(event: unknown): void;
    /** The answer so far; undefined before the first event. */
    whole(): unknown;
}
export declare function foldOf(name: FoldName | undefined): Fold | null;
