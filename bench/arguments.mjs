// Arguments of the benchmarks, which several programs read alike.

/** A mistake in how a benchmark was called, or something that is not installed. */
export class UsageError extends Error {}

/** @param {string} text @param {string} option @param {number} minimum @returns {number} */
export function parseNumber(text, option, minimum) {
  const number = Number(text);
  if (Number.isFinite(number) && number >= minimum) return number;
  throw new UsageError(`--${option} must be a number from ${minimum} up, not '${text}'`);
}

/**
 * The items that `names` lists, with commas between them.
 *
 * @template {{ name: string }} Item
 * @param {Item[]} all
 * @param {string} names
 * @param {string} option
 * @returns {Item[]}
 */
export function pick(all, names, option) {
  return names.split(',').map((name) => {
    const found = all.find((item) => item.name === name.trim());
    if (found) return found;
    throw new UsageError(`--${option}: there is no '${name}'; there are ${all.map((item) => item.name).join(', ')}`);
  });
}

/**
 * Rounds and times, in milliseconds.
 *
 * @param {{ quick: boolean, rounds?: string, seconds?: string, warmup?: string }} values
 * @param {string} quickRounds Rounds with `--quick`.
 */
export function readTimes({ quick, rounds, seconds, warmup }, quickRounds) {
  return {
    rounds: Math.floor(parseNumber(rounds ?? (quick ? quickRounds : '5'), 'rounds', 1)),
    times: {
      duration: parseNumber(seconds ?? (quick ? '0.2' : '1.2'), 'seconds', 0.1) * 1000,
      warmup: parseNumber(warmup ?? (quick ? '0.1' : '0.3'), 'warmup', 0) * 1000,
    },
  };
}

/**
 * Runs a program. A mistake in its arguments ends it with 2, and one line.
 *
 * @param {string} name Of the program.
 * @param {() => Promise<void>} main
 */
export async function runProgram(name, main) {
  try {
    await main();
  } catch (error) {
    const isUsage = error instanceof UsageError || /** @type {{ code?: string }} */ (error).code?.startsWith('ERR_PARSE_ARGS');
    if (!isUsage) throw error;
    process.stderr.write(`${name}: ${/** @type {Error} */ (error).message}\n`);
    process.exit(2);
  }
}
