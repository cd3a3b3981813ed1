/** The items that `names` lists, with commas between them. */
export declare function pick<Item extends { name: string }>(all: Item[], names: string, option: string): Item[];
/** Rounds and times, in milliseconds. */
export declare function readTimes(
  values: { quick: boolean; rounds?: string; seconds?: string; warmup?: string },
  quickRounds: string,
): { rounds: number; times: { duration: number; warmup: number } };
/** The scenarios that an implementation can run. One that was named, but that nobody can run, is a mistake. */
export declare function keepAble<S extends { name: string; kind: string }>(
  scenarios: S[],
  implementations: { name: string; kinds: string[] }[],
  isNamed: boolean,
): S[];
/** The name of the results, without its ending: only a whole run, or one with `--output`, gets the name of those in git. */
export declare function nameResults(run: { quick: boolean; isPart: boolean; whole: string }): string;
/** Makes the folder of the results, and tries it: a measurement must not be lost at its end. */
export declare function prepareFolder(path: string): void;
