// Measurements in turns: A B C, B C A, C A B, … so that a slow minute of the machine hits all alike.

/**
 * @param {string} title Of what is measured, for the terminal.
 * @param {string[]} names Of the contestants.
 * @param {number} rounds
 * @param {(index: number, round: number) => Promise<void>} measure Measures one contestant once.
 */
export async function takeTurns(title, names, rounds, measure) {
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const index = (round + turn) % names.length;
      progress(`${title}, round ${round + 1} of ${rounds}: ${names[index]}`);
      await measure(index, round);
    }
  }
  progress('');
}

/** Shows what runs, on a terminal only. @param {string} text */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
