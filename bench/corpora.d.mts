/** Messages by kind of traffic, the same in every run. @param count Messages of each kind; 400 by default. */
export declare function makeCorpora(count?: number): Record<string, Uint8Array[]>;
