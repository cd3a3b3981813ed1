// How often a test may run, for vitest's configurations. The runs have 60,000 tests over sockets, processes and clocks; on a busy machine
// one of them may fail for a cause that a second run does not have. `.ci/run` lists these tests under "Unstable": each is a defect to mend.

/** A found counterexample is no accident, so a property that failed is not run again: another seed would hide it. */
export const SECOND_TRY: { readonly count: number; readonly condition: RegExp } = {
  count: 1,
  condition: /^(?!Property failed)/,
};
