// The server side of `wasock.topics.v1`.

import { toError } from '../base/realms.ts';
import { OPEN } from '../base/states.ts';
import type { Encoder, Member, TopicSocket } from './member.ts';
import { checkName, checkTopic } from './names.ts';
import { fromWire, parseObject, parsePosition, reasonOf, refusal, toWire, type ServerMessage } from './protocol.ts';
import type { Topics } from './topics.ts';

/** An action of a client. */
export type TopicAction = 'subscribe' | 'publish' | 'presence';

/** Options of {@link serveTopics}. */
export interface ServeOptions<Context = undefined> {
  /**
   * Decides whether a client may do something. Any value other than true is a refusal, and so is an exception.
   *
   * @param topic Checked: a valid topic, or, to subscribe and for presence, a pattern.
   */
  readonly authorize: (topic: string, action: TopicAction, context: Context) => boolean | Promise<boolean>;
  /** Passed to `authorize`: for example the user of the client. */
  readonly context?: Context;
}

/** A socket whose messages are read. */
export interface ServedSocket extends TopicSocket {
  addEventListener(
    type: 'close' | 'message',
    listener: (event: { readonly type?: unknown; readonly data?: unknown }) => void,
  ): void;
  close(code?: number, reason?: string): void;
}

/** Most requests of a client that wait for their turn, and most UTF-16 units of them if there are several. A client that sends more is closed. */
const MOST_WAITING = 1_000;
const LONGEST_WAITING = 4 << 20;
/** Close code for a client that breaks the protocol or sends too much. The W3C API may not send 1008. */
export const CLOSE_TOPICS_VIOLATION = 4400;

const encodeMessage: Encoder = ({ topic, data, position }) => {
  return JSON.stringify({ type: 'message', topic, ...(position && { position }), ...toWire(data) } satisfies ServerMessage);
};

/**
 * Serves topics to a client by the subprotocol `wasock.topics.v1`. Messages of the socket belong to it from now on.
 *
 * Requests are carried out one after the other. A message that is none of the protocol closes the connection with 4400.
 *
 * @throws {TypeError} without `authorize`: nothing is allowed without it; for a socket that is served already.
 */
export function serveTopics<Context>(topics: Topics, socket: ServedSocket, options: ServeOptions<Context>): void {
  if (typeof (options as Partial<ServeOptions<Context>> | undefined)?.authorize !== 'function') {
    throw new TypeError('The "authorize" option must be a function: it decides about each subscription and publication');
  }
  const service = new Service(topics, socket, options);
  socket.addEventListener('message', ({ data }) => service.receive(data));
}

class Service<Context> {
  readonly #topics: Topics;
  readonly #socket: ServedSocket;
  readonly #options: ServeOptions<Context>;
  readonly #member: Member;
  #waiting = 0;
  #waitingLength = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(topics: Topics, socket: ServedSocket, options: ServeOptions<Context>) {
    this.#topics = topics;
    this.#socket = socket;
    this.#options = options;
    this.#member = topics.memberOf(socket, encodeMessage);
    if (this.#member.onGap !== null) throw new TypeError('serve() serves this WebSocket already');
    this.#member.onGap = (topic) => this.#send({ type: 'gap', topic });
  }

  receive(data: unknown): void {
    // The rest of a client that is being closed.
    if (this.#socket.readyState !== OPEN) return;
    const request = parseObject(data);
    const id = request?.['id'];
    if (request === undefined || !Number.isFinite(id)) return this.#violate('Not a message of wasock.topics.v1');
    const { length } = data as string;
    const isTooLong = this.#waiting > 0 && this.#waitingLength + length > LONGEST_WAITING;
    if (this.#waiting === MOST_WAITING || isTooLong) return this.#violate('Too many requests at a time');
    this.#waiting++;
    this.#waitingLength += length;
    this.#last = this.#last.then(async () => {
      // A client that does not read its replies gets no more of them.
      await this.#member.caughtUp();
      if (this.#socket.readyState === OPEN) await this.#carryOut(request, id as number);
      this.#waiting--;
      this.#waitingLength -= length;
    });
  }

  async #carryOut(request: Record<string, unknown>, id: number): Promise<void> {
    const { type, topic } = request;
    try {
      if (typeof topic !== 'string') throw refusal('invalid', new Error('A topic is missing'));
      if (type === 'subscribe') await this.#subscribe(id, topic, request['since']);
      else if (type === 'unsubscribe') this.#unsubscribe(id, topic);
      else if (type === 'publish') await this.#publish(id, topic, request);
      else if (type === 'presence') await this.#presence(id, topic);
      else throw refusal('invalid', new Error('An unknown type of request'));
    } catch (error) {
      const reason = reasonOf(error);
      // The errors of a bus or of the program are not for clients.
      const message = reason === 'failed' ? 'The server could not do it' : toError(error).message;
      this.#send({ type: 'error', id, reason, message });
    }
  }

  async #subscribe(id: number, topic: string, given: unknown): Promise<void> {
    checkName(topic);
    await this.#authorize(topic, 'subscribe');
    const since = given === undefined ? undefined : parsePosition(given);
    if (given !== undefined && since === undefined) throw refusal('invalid', new Error('"since" is no position'));
    await this.#topics.join(this.#member, topic, { since }, ({ recovered, position }) => {
      this.#send({ type: 'subscribed', id, recovered, ...(position && { position }) });
    });
  }

  #unsubscribe(id: number, topic: string): void {
    this.#topics.unsubscribe(this.#socket, topic);
    this.#send({ type: 'unsubscribed', id });
  }

  async #publish(id: number, topic: string, request: Record<string, unknown>): Promise<void> {
    checkTopic(topic);
    await this.#authorize(topic, 'publish');
    let data: string | Uint8Array<ArrayBuffer>;
    try {
      data = fromWire(request);
    } catch {
      throw refusal('invalid', new Error('A message needs "text" or "base64"'));
    }
    const { offset } = await this.#topics.publish(topic, data);
    this.#send({ type: 'published', id, ...(offset !== undefined && { offset }) });
  }

  async #presence(id: number, topic: string): Promise<void> {
    checkName(topic);
    await this.#authorize(topic, 'presence');
    this.#send({ type: 'presence', id, ...(await this.#topics.presence(topic)) });
  }

  async #authorize(topic: string, action: TopicAction): Promise<void> {
    const { authorize, context } = this.#options;
    let isAllowed: unknown;
    try {
      isAllowed = await authorize(topic, action, context as Context);
    } catch {
      isAllowed = false;
    }
    if (isAllowed !== true) throw refusal('forbidden', new Error(`Not allowed: ${action}`));
  }

  #send(message: ServerMessage): void {
    if (this.#socket.readyState !== OPEN) return;
    try {
      this.#socket.send(JSON.stringify(message) as never);
    } catch {
      // Its `bufferPolicy` throws. Without the message the client would wait, or miss a gap: with another connection it asks again.
      this.#violate('The messages are not read');
    }
  }

  #violate(reason: string): void {
    this.#socket.close(CLOSE_TOPICS_VIOLATION, reason);
  }
}
