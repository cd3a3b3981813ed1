// Histogram of times: percentiles with an error of at most 1.6 %, in a fixed number of counts, so that millions of times take no memory.

/** Counts for each power of two; half of them are used, but for the first one. */
const STEPS = 64;
/** The least time that is told apart, in milliseconds. */
const UNIT = 0.001;

export class Histogram {
  /** Counts by the index of {@link indexOf}. */
  readonly counts: number[] = [];
  count = 0;
  sum = 0;
  least: number = Infinity;
  most = 0;

  /** @param milliseconds Negative ones count as 0. */
  add(milliseconds: number): void {
    const time = Math.max(0, milliseconds);
    const index = indexOf(time);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.count++;
    this.sum += time;
    this.least = Math.min(this.least, time);
    this.most = Math.max(this.most, time);
  }

  /** Adds the counts of another one. */
  merge(other: HistogramFields): void {
    for (const [index, count] of other.counts.entries()) if (count) this.counts[index] = (this.counts[index] ?? 0) + count;
    this.count += other.count;
    this.sum += other.sum;
    // JSON has no Infinity.
    if (other.count > 0) this.least = Math.min(this.least, other.least);
    this.most = Math.max(this.most, other.most);
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The time that `share` of all times do not exceed; 0 without any. @param share From 0 to 1. */
  percentile(share: number): number {
    let rest = Math.ceil(share * this.count);
    if (rest === 0) return this.count === 0 ? 0 : this.least;
    for (const [index, count = 0] of this.counts.entries()) {
      rest -= count;
      if (rest <= 0) return Math.min(this.most, Math.max(this.least, topOf(index)));
    }
    return this.most;
  }

  /** The counts in at most `rows` ranges of equal ratio, from the least time to the time of percentile `share`; the last range has the rest. */
  ranges(rows: number, share: number): { readonly to: number; readonly count: number }[] {
    if (this.count === 0) return [];
    const [low, high] = [Math.max(UNIT, this.least), Math.max(UNIT, this.percentile(share))];
    const ratio = high / low;
    const length = ratio < 1.02 ? 1 : rows;
    const bounds = Array.from({ length }, (_, row) => low * ratio ** ((row + 1) / length));
    const result = bounds.map((to) => ({ to, count: 0 }));
    for (const [index, count = 0] of this.counts.entries()) {
      const row = bounds.findIndex((bound) => topOf(index) <= bound * 1.0001);
      result[row === -1 ? length - 1 : row].count += count;
    }
    if (this.most > high) result[length - 1] = { to: this.most, count: result[length - 1].count };
    return result;
  }
}

/** The fields of a histogram, as JSON carries them. */
export type HistogramFields = Pick<Histogram, 'counts' | 'count' | 'sum' | 'least' | 'most'>;

/** The index of a time: exact below {@link STEPS} units, then {@link STEPS} / 2 steps for each power of two. */
function indexOf(milliseconds: number): number {
  const units = Math.floor(milliseconds / UNIT);
  if (units < STEPS) return units;
  const exponent = Math.floor(Math.log2(units)) - Math.log2(STEPS) + 1;
  return exponent * (STEPS / 2) + Math.floor(units / 2 ** exponent);
}

/** The end of the range of an index, in milliseconds. */
function topOf(index: number): number {
  if (index < STEPS) return (index + 1) * UNIT;
  const exponent = Math.floor(index / (STEPS / 2)) - 1;
  return (index - exponent * (STEPS / 2) + 1) * 2 ** exponent * UNIT;
}
