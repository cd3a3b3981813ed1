/** The median over rounds, and the extremes. */
export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** One scenario in a file of results. */
export interface ScenarioResult {
  readonly scenario: {
    readonly name: string;
    readonly title: string;
    readonly unit: string;
    readonly better: 'higher' | 'lower';
  };
  /** By name. `value` is a rate or bytes, null if all rounds failed; `cpu` is µs of CPU time for each message. */
  readonly implementations: Readonly<Record<string, { readonly value: Spread | null; readonly cpu: number | null }>>;
}

export interface Comparison {
  readonly ratio: Spread;
  readonly by: 'rate' | 'CPU';
  readonly target: number | undefined;
  /** Null without a target. */
  readonly reached: boolean | null;
}

/** Compares two implementations. @returns Null if one of them has no figure. */
export declare function compare(result: ScenarioResult, name: string, baseline: string): Comparison | null;
