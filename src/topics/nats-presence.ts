// Presence over NATS: the last announcement of each process, in a stream of JetStream in memory.

import type { BusPresence } from './bus.ts';
import { subjectOfName } from './nats-messages.ts';
import { NatsStream, type NatsJetStream, type UntilLost } from './nats-stream.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** The shortest `ttl` that topics have. */
const SHORTEST_TTL = 1000;

/** Has a subject for each process and name. A message is the process's id, the `ttl`, and the ids, with a space between each. */
export class NatsPresence implements BusPresence {
  readonly #stream: NatsStream;
  readonly #prefix: string;
  readonly #id: string;

  /** @param id Of the process. */
  constructor(jetstream: NatsJetStream, prefix: string, id: string, untilLost: UntilLost) {
    this.#prefix = `${prefix}.presence.`;
    this.#id = id;
    const name = `${prefix.replaceAll('.', '-')}-presence`;
    const settings = { name, subjects: [`${this.#prefix}>`], storage: 'memory' } as const;
    this.#stream = new NatsStream(jetstream, settings, SHORTEST_TTL, untilLost);
  }

  /** The stream must be looked at again: the server may have lost it. */
  reset(): void {
    this.#stream.reset();
  }

  async announce(name: string, ids: readonly string[], ttl: number): Promise<void> {
    this.#stream.require(1, ttl);
    await this.#stream.prepare();
    const subject = `${this.#prefix}${this.#id}.${subjectOfName(name)}`;
    if (ids.length === 0) await this.#stream.purge(subject);
    else await this.#stream.publish(subject, encodeUtf8(`${this.#id} ${ttl} ${ids.join(' ')}`));
  }

  async others(name: string): Promise<readonly string[]> {
    await this.#stream.prepare();
    const { messages, now } = await this.#stream.read(`${this.#prefix}*.${subjectOfName(name)}`, 'last_per_subject');
    return messages.flatMap(({ data, time }) => {
      const [id, ttl, ...ids] = decodeUtf8(data).split(' ');
      return id !== this.#id && time + Number(ttl) > now ? ids : [];
    });
  }
}
