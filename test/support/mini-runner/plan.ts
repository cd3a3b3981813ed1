// Settings of a run in another place: JSON, read by the program there.

import type { Capabilities, ContractRuntime, ServerPlan } from '../../contract/runtime.ts';

/** Servers of the contract, elsewhere. */
export interface RunPlan {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Addresses by `maxPayload`; that of the default is under 0. */
  readonly urls: Readonly<Record<number, string>>;
  /** Names of tests that need a feature which this pair lacks, and for which there is no capability. */
  readonly without?: readonly string[];
}

/** Values of `maxPayload` that the contract asks for, besides the default. */
export const PAYLOAD_LIMITS: readonly number[] = [1000];

/** The part of a runtime that the plan tells: its servers are there already. */
export function plannedRuntime({ name, capabilities, urls }: RunPlan): ContractRuntime {
  return {
    name,
    capabilities,
    createServer: ({ maxPayload = 0 }: ServerPlan) =>
      Promise.resolve({ url: urls[maxPayload], close: () => Promise.resolve() }),
  };
}
