// Compares what both ends of each connection report at its end.

/**
 * What one end reports: how much it has sent and received, what it has done to end the connection, and how it has seen it end.
 *
 * @typedef {object} Account
 * @property {'client' | 'server'} side
 * @property {string} id
 * @property {string} kind
 * @property {number} sent
 * @property {number} received
 * @property {number} broadcasts
 * @property {number} broadcastHash
 * @property {'close' | 'terminate' | null} act
 * @property {number} closeCode
 * @property {number} code
 * @property {string} reason
 * @property {string} [error] Its 'error'.
 * @property {'exact' | 'deaf' | 'loose'} [closing] Of the client: see clients.mjs.
 * @property {number} [otherCode] The same.
 */

export class Ledger {
  /** @type {string[]} */
  failures = [];
  connections = 0;
  dropped = 0;
  messages = 0;
  broadcasts = 0;
  /** Connections by the kind of their client. @type {Map<string, number>} */
  kinds = new Map();
  #seed;
  /** Accounts whose other half is not there yet. @type {Map<string, Account>} */
  #halves = new Map();
  /** @type {Set<string>} */
  #open = new Set();

  /** @param {number} seed */
  constructor(seed) {
    this.#seed = seed;
  }

  /** @param {string} id */
  opened(id) {
    this.#open.add(id);
  }

  /** @param {Account} account */
  add(account) {
    const other = this.#halves.get(account.id);
    if (other === undefined) return void this.#halves.set(account.id, account);
    this.#halves.delete(account.id);
    this.#open.delete(account.id);
    if (other.side === account.side) this.#fail(account, 'two ends of the same side');
    else if (account.side === 'client') this.#judge(account, other);
    else this.#judge(other, account);
  }

  /** All connections are over: each must have been reported at both ends. */
  finish() {
    for (const half of this.#halves.values()) this.#fail(half, `only the ${half.side} has seen the end`);
    for (const id of this.#open) this.failures.push(`seed ${this.#seed}, connection ${id}: neither end has seen its end`);
    this.#halves.clear();
    this.#open.clear();
  }

  /** @param {Account} client @param {Account} server */
  #judge(client, server) {
    const { kind } = client;
    this.connections++;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.messages += client.received + server.received;
    this.broadcasts += client.broadcasts;
    const isDropped = client.act === 'terminate' || server.act === 'terminate';
    if (isDropped) this.dropped++;
    const isLoose = isDropped || client.closing === 'loose';
    const isDeaf = client.closing === 'deaf' && client.act === 'close';
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      const way = `from the ${from.side} to the ${to.side}`;
      if (to.received > from.sent) this.#fail(client, `${to.received} messages arrived of ${from.sent} ${way}`);
      if (!isLoose && to.received < from.sent && !(isDeaf && to === client)) {
        this.#fail(client, `message ${to.received} of ${from.sent} and all later ones were lost ${way}${ends(client, server)}`);
      }
    }
    if (client.broadcasts > server.broadcasts) this.#fail(client, 'more broadcasts arrived than were sent');
    if (isLoose) return;
    if (client.broadcastHash !== server.broadcastHash && !isDeaf)
      this.#fail(client, `${client.broadcasts} of ${server.broadcasts} broadcasts arrived${ends(client, server)}`);
    this.#judgeCodes(client, server);
  }

  /** A connection that nobody has dropped ends with a closing handshake. */
  #judgeCodes(client, server) {
    const codes = [client, server].flatMap(({ act, closeCode }) => (act === 'close' ? [closeCode] : []));
    for (const account of [client, server]) {
      if (account.code === account.otherCode) continue;
      if (account.error !== undefined) this.#fail(client, `'error' at the ${account.side}: ${account.error}`);
      if (codes.includes(account.code)) continue;
      this.#fail(client, `the ${account.side} has seen the end ${account.code}${ends(client, server)}`);
    }
  }

  /** @param {Account} account @param {string} message */
  #fail({ id, kind }, message) {
    this.failures.push(`seed ${this.#seed}, ${kind}, connection ${id}: ${message}`);
  }
}

/** How a connection has ended, for a failure. */
function ends(client, server) {
  const tell = ({ side, act, closeCode, code }) =>
    `${side} ${act === null ? 'did nothing' : `called ${act}(${closeCode || ''})`} and saw ${code}`;
  return ` (${tell(client)}; ${tell(server)})`;
}
