// Memory and open things of the processes of the soak, before and after.

const MIB = 1 << 20;
const mib = (bytes) => (bytes / MIB).toFixed(1);

/**
 * Most growth of a process, in bytes. A million messages over ten thousand connections that each leave 16 bytes behind, the smallest object, or
 * a connection that leaves 1 KiB, exceed the bound of the heap. The resident memory has freed pages of the allocators in it as well.
 */
const MOST_GROWTH = { heapUsed: 4 * MIB, arrayBuffers: 4 * MIB, external: 8 * MIB };
/** The same of the resident memory. Other libraries run in the processes with clients as well. */
const MOST_RESIDENT = { server: 64 * MIB, clients: 128 * MIB };

/** What is there now and was not before. @returns {string[]} Failures. */
export function compare(before, after, seed) {
  const failures = [];
  for (const [name, last] of after) {
    const first = before.get(name);
    const fail = (text) => failures.push(`seed ${seed}, ${name}: ${text}`);
    const rss = MOST_RESIDENT[name.split(' ')[0]];
    for (const [key, most] of Object.entries({ ...MOST_GROWTH, rss })) {
      if (last[key] > first[key] + most) fail(`${mib(last[key])} MiB of ${key}, ${mib(first[key])} before`);
    }
    if (last.descriptors > first.descriptors) fail(`${last.descriptors} file descriptors, ${first.descriptors} before`);
    for (const [type, count] of Object.entries(last.resources)) {
      const old = first.resources[type] ?? 0;
      if (count > old + last.mayLeave) fail(`${count} of ${type}, ${old} before`);
    }
    if (last.listeners !== first.listeners) fail(`${last.listeners} listeners, ${first.listeners} before`);
    if (last.clients > 0) fail(`${last.clients} in server.clients`);
  }
  return failures;
}

/** Prints counts, and memory before and after. */
export function print(before, after, ledger) {
  const { connections, dropped, messages, broadcasts } = ledger;
  console.log(
    `${connections} connections (${dropped} of them dropped), ${messages} messages, ${broadcasts} deliveries of broadcasts`,
  );
  for (const [name, last] of after) {
    const first = before.get(name);
    const memory = Object.keys({ ...MOST_GROWTH, rss: 0 }).map((key) => `${key} ${mib(first[key])} -> ${mib(last[key])}`);
    const counts = last.opened === undefined ? '' : `, ${last.opened} connections, ${last.messages} messages`;
    console.log(`${name}: MiB: ${memory.join(', ')}; descriptors ${first.descriptors} -> ${last.descriptors}${counts}`);
  }
}
