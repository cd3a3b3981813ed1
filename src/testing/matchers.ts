// Checks of received messages and of close codes: as functions, and as matchers for `expect.extend` of vitest and jest.

import type { CloseDetails } from '../api/w3c/promises.ts';
import type { MockConnection, MockMessage } from './connection.ts';
import type { MockServer } from './server.ts';

/**
 * A message to compare with: text; bytes; an asymmetric matcher such as `expect.stringContaining('x')`; any other value, which is compared with
 * the message as JSON and may have asymmetric matchers inside.
 */
export type Expected = unknown;

interface Asymmetric {
  toString(): string;
  asymmetricMatch(value: unknown): boolean;
}

function isAsymmetric(value: unknown): value is Asymmetric {
  return typeof (value as Partial<Asymmetric> | null | undefined)?.asymmetricMatch === 'function';
}

/** The kind of an object, such as `[object Map]`. Not by instanceof: jsdom has classes of its own. */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return kindOf(value) === '[object ArrayBuffer]' ? new Uint8Array(value as ArrayBuffer) : undefined;
}

/** Whether JSON keeps nothing of an object, such as a Map, a RegExp or an Error. */
function isLost(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return kindOf(value) !== '[object Object]' && Object.keys(value).length === 0;
}

/** The value of `toJSON()` for an object with that method, such as a Date; other values as they are. */
function toJson(value: unknown): unknown {
  const { toJSON } = Object(value) as { toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : value;
}

/** Whether a value of JSON is as expected. */
function isSame(value: unknown, given: unknown): boolean {
  if (isAsymmetric(given)) return given.asymmetricMatch(value);
  const expected = toJson(given);
  if (typeof value !== 'object' || value === null || typeof expected !== 'object' || expected === null)
    return value === expected;
  if (isLost(expected)) return false;
  if (Array.isArray(value) || Array.isArray(expected)) return isSameList(value, expected);
  const keys = Object.keys(value);
  // JSON has no undefined.
  const wanted = Object.entries(expected).filter(([, inner]) => inner !== undefined);
  return (
    keys.length === wanted.length &&
    wanted.every(([key, inner]) => Object.hasOwn(value, key) && isSame(Reflect.get(value, key), inner))
  );
}

function isSameList(value: object, expected: object): boolean {
  if (!Array.isArray(value) || !Array.isArray(expected) || value.length !== expected.length) return false;
  // In a list, JSON makes null of undefined.
  return value.every((inner, at) => isSame(inner, (expected[at] as unknown) ?? null));
}

/** The value of a message in JSON; undefined if it is none. */
function parse(message: MockMessage): unknown {
  if (typeof message !== 'string') return undefined;
  try {
    return JSON.parse(message) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether `message` is as expected. */
export function matches(message: MockMessage, expected: Expected): boolean {
  if (typeof expected === 'string') return message === expected;
  const bytes = bytesOf(expected);
  if (bytes !== undefined) {
    return typeof message !== 'string' && message.length === bytes.length && message.every((byte, at) => byte === bytes[at]);
  }
  if (isAsymmetric(expected) && expected.asymmetricMatch(message)) return true;
  const value = parse(message);
  return value !== undefined && isSame(value, expected);
}

/** Whether `peer` has received each of these messages, in any order, one as often as it is named. */
export function hasReceived({ received }: Pick<MockConnection, 'received'>, ...expected: readonly Expected[]): boolean {
  const messages = new Map<number, number>();
  const owners = new Map<number, number>();
  return expected.every((_, one) => {
    // `expect.any(String)` may have taken the only message that is this one. So owners look for another message, as long as one helps.
    const takers = new Map<number, number>();
    const asking = [one];
    for (const taker of asking) {
      const fits = (message: MockMessage, at: number): boolean => !takers.has(at) && matches(message, expected[taker]);
      const free = received.findIndex((message, at) => !owners.has(at) && fits(message, at));
      if (free >= 0) {
        takers.set(free, taker);
        handOver(free, takers, { messages, owners });
        return true;
      }
      for (const [at, message] of received.entries()) {
        if (!fits(message, at)) continue;
        takers.set(at, taker);
        asking.push(owners.get(at)!);
      }
    }
    return false;
  });
}

/** Gives the free message to its taker, the former message of that one to its own taker, and so on. All are numbers in their lists. */
function handOver(
  free: number,
  takers: ReadonlyMap<number, number>,
  { messages, owners }: { messages: Map<number, number>; owners: Map<number, number> },
): void {
  for (let at: number | undefined = free; at !== undefined;) {
    const taker: number = takers.get(at)!;
    const before = messages.get(taker);
    messages.set(taker, at);
    owners.set(at, taker);
    at = before;
  }
}

/** Whether `peer` has received these messages in this order. Others may lie between them. */
export function hasReceivedInOrder({ received }: Pick<MockConnection, 'received'>, ...expected: readonly Expected[]): boolean {
  let next = 0;
  for (const message of received) if (next < expected.length && matches(message, expected[next])) next++;
  return next === expected.length;
}

function endingsOf(peer: MockConnection | MockServer): CloseDetails[] {
  const all = 'connections' in peer ? peer.connections : [peer];
  return all.flatMap(({ closeDetails }) => closeDetails ?? []);
}

/** Whether `peer`, or any connection of a server, has ended with this close code, and this reason if one is given. */
export function hasClosedWith(peer: MockConnection | MockServer, code: number, reason?: string): boolean {
  return endingsOf(peer).some((details) => details.code === code && (reason === undefined || details.reason === reason));
}

/** The result of a matcher. */
export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/** The matchers by their arguments, to declare them in the types of a test runner. */
export interface MockMatchers<Result = void> {
  /** Takes the next message, and compares it. Await it. */
  toReceive(expected: Expected): Promise<Result>;
  /** The peer has received each of these messages, in any order. */
  toHaveReceived(...expected: readonly Expected[]): Result;
  /** The peer has received these messages in this order. Others may lie between them. */
  toHaveReceivedInOrder(...expected: readonly Expected[]): Result;
  /** The peer has ended with this close code, and this reason if one is given. */
  toHaveClosedWith(code: number, reason?: string): Result;
}

function show(value: unknown): string {
  if (isAsymmetric(value)) return value.toString();
  const bytes = bytesOf(value);
  if (bytes === undefined) return showValue(value);
  const hex = Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `<${hex}${bytes.length > 32 ? ` … ${bytes.length} bytes` : ''}>`;
}

function showValue(value: unknown): string {
  // JSON has no bigint and no NaN.
  if (typeof value === 'bigint' || typeof value === 'number' || isLost(toJson(value))) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return kindOf(value);
  }
}

function list(values: readonly unknown[]): string {
  return values.length === 0 ? 'nothing' : values.map((value) => show(value)).join(', ');
}

function result(pass: boolean, wanted: string, seen: string): MatcherResult {
  return { pass, message: () => `The peer should ${pass ? 'not ' : ''}${wanted}. ${seen}` };
}

/** @throws {TypeError} for a value that matchers cannot check. */
function checkPeer(peer: MockConnection | MockServer): void {
  if (Array.isArray((Object(peer) as Partial<MockConnection>).received)) return;
  throw new TypeError('The matchers of wasock/testing take a MockServer or a MockConnection');
}

/** Matchers for `expect.extend(matchers)` of vitest and jest, for a {@link MockServer} or a {@link MockConnection}. */
export const matchers: {
  toReceive(peer: MockConnection | MockServer, expected: Expected): Promise<MatcherResult>;
  toHaveReceived(peer: MockConnection | MockServer, ...expected: readonly Expected[]): MatcherResult;
  toHaveReceivedInOrder(peer: MockConnection | MockServer, ...expected: readonly Expected[]): MatcherResult;
  toHaveClosedWith(peer: MockConnection | MockServer, code: number, reason?: string): MatcherResult;
} = {
  async toReceive(peer, expected) {
    checkPeer(peer);
    const message = await peer.nextMessage();
    return result(matches(message, expected), `receive ${show(expected)} next`, `It received ${show(message)}`);
  },
  toHaveReceived(peer, ...expected) {
    checkPeer(peer);
    return result(hasReceived(peer, ...expected), `have received ${list(expected)}`, `It received ${list(peer.received)}`);
  },
  toHaveReceivedInOrder(peer, ...expected) {
    checkPeer(peer);
    const wanted = `have received in this order ${list(expected)}`;
    return result(hasReceivedInOrder(peer, ...expected), wanted, `It received ${list(peer.received)}`);
  },
  toHaveClosedWith(peer, code, reason) {
    checkPeer(peer);
    const wanted = `have closed with ${code}${reason === undefined ? '' : ` ${show(reason)}`}`;
    const endings = endingsOf(peer).map((details) => `${details.code} ${show(details.reason)}`);
    return result(
      hasClosedWith(peer, code, reason),
      wanted,
      endings.length > 0 ? `It closed with ${endings.join(', ')}` : 'It is open',
    );
  },
};
