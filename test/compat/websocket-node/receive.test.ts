// What a connection emits and answers for what its peer sends: the same as WebSocket-Node, byte for byte.

import { describe, test } from 'vitest';
import { concat, frame, hex, type FrameOptions } from '../../support/frames.ts';
import { record, sameWithBoth, sleep, until, withRawPeer, type Library } from './oracle.ts';

interface Program {
  readonly frames: readonly FrameOptions[];
  readonly config?: object;
  /** Whether the connection ends of it. Default false. */
  readonly ends?: boolean;
  /** Events that are listened to besides the usual ones. */
  readonly events?: readonly string[];
  readonly cancels?: boolean;
}

const LONG = 'x'.repeat(300);
const FRAMES = { assembleFragments: false };

const PROGRAMS: Readonly<Record<string, Program>> = {
  text: { frames: [{ payload: 'hello' }] },
  'text beyond ASCII': { frames: [{ payload: 'grün 😀 漢字' }] },
  'empty text': { frames: [{}] },
  bytes: { frames: [{ opcode: 2, payload: hex('00 01 fe ff') }] },
  'empty bytes': { frames: [{ opcode: 2 }] },
  'a length of 16 bits': { frames: [{ payload: LONG }] },
  'a length of 64 bits': { frames: [{ opcode: 2, payload: 'y'.repeat(65600) }], config: { maxReceivedFrameSize: 100000 } },
  'two messages at once': { frames: [{ payload: 'a' }, { payload: 'b' }] },
  'fragments of text': {
    frames: [
      { fin: false, payload: 'a' },
      { opcode: 0, payload: 'b' },
    ],
  },
  'three fragments of bytes': {
    frames: [
      { opcode: 2, fin: false, payload: 'a' },
      { opcode: 0, fin: false, payload: 'b' },
      { opcode: 0, payload: 'c' },
    ],
  },
  'empty fragments': { frames: [{ fin: false }, { opcode: 0, fin: false }, { opcode: 0 }] },
  'a character that two fragments share': {
    frames: [
      { fin: false, payload: hex('c3') },
      { opcode: 0, payload: hex('a4') },
    ],
  },
  'a ping': { frames: [{ opcode: 9, payload: 'p' }] },
  'an empty ping': { frames: [{ opcode: 9 }] },
  'the longest ping': { frames: [{ opcode: 9, payload: 'p'.repeat(125) }] },
  'a ping between fragments': {
    frames: [
      { fin: false, payload: 'a' },
      { opcode: 9, payload: 'p' },
      { opcode: 0, payload: 'b' },
    ],
  },
  'a ping with a listener': { frames: [{ opcode: 9, payload: 'p' }], events: ['ping'] },
  'a ping that is cancelled': { frames: [{ opcode: 9, payload: 'p' }], cancels: true },
  'a pong': { frames: [{ opcode: 10, payload: 'p' }] },
  'Close 1000': { frames: [{ opcode: 8, payload: hex('03e8') }], ends: true },
  'Close 1000 and then a message': { frames: [{ opcode: 8, payload: hex('03e8') }, { payload: 'late' }], ends: true },
  rsv1: { frames: [{ rsv1: true, payload: 'a' }], ends: true },
  rsv2: { frames: [{ rsv2: true, payload: 'a' }], ends: true },
  'rsv3 of a ping': { frames: [{ opcode: 9, rsv3: true }], ends: true },
  'opcode 3': { frames: [{ opcode: 3, payload: 'a' }], ends: true },
  'opcode 7': { frames: [{ opcode: 7 }], ends: true },
  'opcode 11': { frames: [{ opcode: 11 }], ends: true },
  'opcode 15': { frames: [{ opcode: 15 }], ends: true },
  'a message, then opcode 3': { frames: [{ payload: 'fine' }, { opcode: 3 }], ends: true },
  'text that is no UTF-8': { frames: [{ payload: hex('ff') }], ends: true },
  'text that ends in a character': { frames: [{ payload: hex('61 e2 82') }], ends: true },
  'fragments that are no UTF-8': {
    frames: [
      { fin: false, payload: hex('c3') },
      { opcode: 0, payload: hex('28') },
    ],
    ends: true,
  },
  'a continuation of nothing': { frames: [{ opcode: 0, payload: 'a' }], ends: true },
  'text in the middle of a message': { frames: [{ fin: false, payload: 'a' }, { payload: 'b' }], ends: true },
  'bytes in the middle of a message': {
    frames: [
      { fin: false, payload: 'a' },
      { opcode: 2, payload: 'b' },
    ],
    ends: true,
  },
  'a fragmented ping': { frames: [{ opcode: 9, fin: false }], ends: true },
  'a ping of 126 bytes': { frames: [{ opcode: 9, payload: 'p'.repeat(126) }], ends: true },
  'a frame that is too long': { frames: [{ payload: 'x'.repeat(11) }], config: { maxReceivedFrameSize: 10 }, ends: true },
  'a frame of the longest length': { frames: [{ payload: 'x'.repeat(10) }], config: { maxReceivedFrameSize: 10 } },
  'a fragment that is too long': {
    frames: [
      { fin: false, payload: 'a' },
      { opcode: 0, payload: 'x'.repeat(11) },
    ],
    config: { maxReceivedFrameSize: 10 },
    ends: true,
  },
  'a message that is too long': {
    frames: [
      { fin: false, payload: '12345678' },
      { opcode: 0, payload: '12345678' },
    ],
    config: { maxReceivedFrameSize: 10, maxReceivedMessageSize: 12 },
    ends: true,
  },
  'a message of the longest length': {
    frames: [
      { fin: false, payload: '123456' },
      { opcode: 0, payload: '123456' },
    ],
    config: { maxReceivedFrameSize: 10, maxReceivedMessageSize: 12 },
  },
  'frames: text': { frames: [{ payload: 'a' }], config: FRAMES },
  'frames: empty bytes': { frames: [{ opcode: 2 }], config: FRAMES },
  'frames: fragments and a ping': {
    frames: [
      { fin: false, payload: 'a' },
      { opcode: 9, payload: 'p' },
      { opcode: 0, payload: 'b' },
    ],
    config: FRAMES,
  },
  'frames: a pong': { frames: [{ opcode: 10, payload: 'p' }], config: FRAMES },
  'frames: text that is no UTF-8': { frames: [{ payload: hex('ff') }], config: FRAMES },
  'frames: Close': { frames: [{ opcode: 8, payload: hex('03e8') }], config: FRAMES, ends: true },
  'frames: more than a message may have': {
    frames: [
      { fin: false, payload: '1234' },
      { opcode: 0, payload: '5678' },
    ],
    config: { ...FRAMES, maxReceivedMessageSize: 5 },
  },
  'frames: one that is too long': {
    frames: [{ payload: '123456' }],
    config: { ...FRAMES, maxReceivedFrameSize: 5 },
    ends: true,
  },
  'frames: a length of 16 bits': { frames: [{ opcode: 2, payload: LONG }], config: FRAMES },
};

/** A message that says that all before it has been read. */
const END = '7e7e7e';

/** What of a frame can be compared: all that programs read. */
function frameMembers(value: object): unknown {
  const { fin, rsv1, rsv2, rsv3, mask, opcode, length, closeStatus, binaryPayload } = value as Record<string, unknown>;
  const payload = (binaryPayload as Buffer).toString('latin1');
  return { fin, rsv1, rsv2, rsv3, mask, opcode, length, closeStatus, payload };
}

async function run(library: Library, role: 'client' | 'server', program: Program, cut: boolean): Promise<unknown> {
  const { connection, peer, close } = await withRawPeer(library, role, program.config);
  const log = record(connection, [], ['message', 'pong', 'close', ...(program.events ?? [])]);
  connection.on('frame', (one) => log.push(['frame', frameMembers(one)]));
  if (program.cancels) {
    connection.on('ping', (cancel, payload) => {
      cancel();
      log.push(['cancelled', payload.toString()]);
    });
  }
  const key = role === 'server' ? { key: hex('37 fa 21 3d') } : {};
  const bytes = concat(...program.frames.map((options) => frame({ ...options, ...key })));
  if (cut) {
    for (let at = 0; at < bytes.length; at += 7) {
      peer.socket.write(bytes.subarray(at, at + 7));
      await sleep(1);
    }
  } else {
    peer.socket.write(bytes);
  }
  const hasEnded = (): boolean => log.some((entry) => JSON.stringify(entry).includes(END));
  if (!program.ends) peer.socket.write(frame({ payload: END, ...key }));
  await until(() => (program.ends ? connection.state === 'closed' : hasEnded()));
  await sleep(10);
  const { state, connected, closeReasonCode, closeDescription } = connection;
  // WebSocket-Node destroys the socket, so that its Close frame may be lost if more is under way.
  const frames = program.ends && cut ? '' : peer.frames();
  const result = { log: [...log], frames, state, connected, closeReasonCode, closeDescription };
  close();
  return result;
}

describe.each(['server', 'client'] as const)('%s receives', (role) => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    test.concurrent(`${name}`, () => sameWithBoth((library) => run(library, role, program, false)));
  }
  const short = Object.entries(PROGRAMS).filter(([, { frames }]) =>
    frames.every(({ payload }) => (payload?.length ?? 0) < 200),
  );
  for (const [name, program] of short) {
    test.concurrent(`${name}, in pieces`, () => sameWithBoth((library) => run(library, role, program, true)));
  }
});
