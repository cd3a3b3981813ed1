// WebSocketFrame as a parser and a writer: the same as WebSocket-Node, also in what it leaves of the queue that it reads.

import { describe, expect, test } from 'vitest';
import type { WebSocketFrame } from '../../../src/compat/websocket-node/index.ts';
import { hex } from '../../support/frames.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import { ours, sameWithBoth, type Library } from './oracle.ts';

/** A queue of bytes with what a frame uses. */
class Queue {
  bytes: Buffer;

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.bytes = Buffer.from(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }

  push(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }

  joinInto(target: Buffer, offset: number, start: number, end: number): Buffer {
    this.bytes.copy(target, offset, start, end);
    return target;
  }

  advance(count: number): this {
    this.bytes = this.bytes.subarray(count);
    return this;
  }

  take(count: number): Buffer {
    return this.bytes.subarray(0, count);
  }
}

function make(library: Library, maxReceivedFrameSize: number = 100): WebSocketFrame {
  return new library.frame(Buffer.alloc(4), Buffer.alloc(10), { maxReceivedFrameSize });
}

/** All members that tell something. */
function members(frame: WebSocketFrame): unknown {
  const { maskBytes, frameHeader: _header, config: _config, binaryPayload, ...others } = frame;
  const payload = (binaryPayload as Buffer | undefined)?.toString('hex');
  return { ...others, payload, key: maskBytes.toString('hex') };
}

const FRAMES: Readonly<Record<string, string>> = {
  'masked text': '81 85 37 fa 21 3d 7f 9f 4d 51 58',
  text: '81 02 68 69',
  'a fragment': '01 02 68 69',
  'a continuation': '80 02 68 69',
  'bytes with more behind them': '82 02 61 62 7a 7a',
  'an empty frame': '81 00',
  'an empty masked frame': '81 80 01 02 03 04',
  'rsv bits': 'f1 00',
  'a reserved opcode': '83 00',
  'Close with a reason': '88 04 03 e8 68 69',
  'Close without a reason': '88 02 03 e9',
  'Close without a code': '88 00',
  'Close of one byte': '88 01 03',
  'a masked Close': '88 82 01 02 03 04 02 ea',
  'a ping': '89 01 70',
  'a ping that is too long': '89 7e 00 80',
  'a fragmented ping': '09 00',
  'a length of 16 bits': `82 7e 00 64 ${'61'.repeat(100)}`,
  'a length of 16 bits that is too long': `82 7e 00 82 ${'61'.repeat(130)}`,
  'a length in too long a form': '82 7e 00 01 61',
  'a length of 64 bits': `82 7f 00 00 00 00 00 00 00 02 61 62`,
  'a length of more than 32 bits': '82 7f 00 00 00 01 00 00 00 00',
  'a length of 2^63': '82 7f 80 00 00 00 00 00 00 00',
  'an unfinished frame': '81 05 61',
};

const OUTGOING: Readonly<Record<string, object>> = {
  text: { fin: true, opcode: 1, binaryPayload: Buffer.from('hi') },
  'masked text': { fin: true, opcode: 1, mask: true, binaryPayload: Buffer.from('hi') },
  'a fragment': { fin: false, opcode: 2, binaryPayload: Buffer.from('hi') },
  'a continuation with rsv bits': { opcode: 0, rsv1: true, rsv2: true, rsv3: true, binaryPayload: Buffer.from('hi') },
  'no payload': { fin: true, opcode: 9 },
  'no payload, masked': { fin: true, opcode: 9, mask: true },
  Close: { fin: true, opcode: 8, closeStatus: 1000, binaryPayload: Buffer.from('hi') },
  'Close without a reason': { fin: true, opcode: 8, closeStatus: 1000 },
  '126 bytes': { fin: true, opcode: 2, binaryPayload: Buffer.alloc(126, 1) },
  '65535 bytes': { fin: true, opcode: 2, binaryPayload: Buffer.alloc(65535, 1) },
  '65536 bytes': { fin: true, opcode: 2, mask: true, binaryPayload: Buffer.alloc(65536, 1) },
  'an opcode of five bits': { fin: true, opcode: 0x13, binaryPayload: Buffer.from('a') },
  'nothing set': {},
};

describe('frame reads', () => {
  for (const [name, bytes] of Object.entries(FRAMES)) {
    test(`${name}`, () =>
      sameWithBoth((library) => {
        const queue = new Queue(hex(bytes));
        const frame = make(library);
        const isOver = frame.addData(queue);
        return { isOver, left: queue.length, members: members(frame), text: frame.toString() };
      }));
    test(`${name}, byte by byte`, () =>
      sameWithBoth((library) => {
        const queue = new Queue();
        const frame = make(library);
        const steps: unknown[] = [];
        for (const byte of hex(bytes)) {
          queue.push(Uint8Array.of(byte));
          steps.push([frame.addData(queue), frame.parseState, queue.length]);
          if (frame.protocolError || frame.frameTooLarge || frame.parseState === 6) break;
        }
        return { steps, members: members(frame) };
      }));
  }

  test('what it throws away', () =>
    sameWithBoth((library) => {
      const queue = new Queue(hex('82 05 61 62 63'));
      const frame = make(library, 3);
      const log: unknown[] = [frame.addData(queue), frame.frameTooLarge, frame.dropReason];
      log.push(frame.throwAwayPayload(queue), queue.length);
      queue.push(hex('64 65 7a'));
      log.push(frame.throwAwayPayload(queue), queue.length, frame.parseState);
      return log;
    }));

  test('bytes without a queue', () => {
    const frame = new ours.frame();
    expect(frame.addData(hex('81 85 37 fa 21'))).toBe(false);
    expect(frame.addData(hex('3d 7f 9f 4d'))).toBe(false);
    expect(frame.addData(hex('51 58'))).toBe(true);
    expect([frame.fin, frame.opcode, frame.length, frame.binaryPayload.toString()]).toEqual([true, 1, 5, 'Hello']);
  });

  test('without changing the bytes of the queue', () => {
    const bytes = Buffer.from(hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
    const queue = new Queue();
    queue.bytes = bytes;
    make(ours).addData(queue);
    expect(bytes.toString('hex')).toBe('818537fa213d7f9f4d5158');
  });
});

describe('frame writes', () => {
  for (const [name, given] of Object.entries(OUTGOING)) {
    test(`${name}`, () =>
      sameWithBoth((library) => {
        const frame = Object.assign(make(library), given);
        return { bytes: frame.toBuffer(true).toString('hex'), length: frame.length, mask: frame.mask, text: frame.toString() };
      }));
  }

  test('a random mask', () => {
    const frame = Object.assign(make(ours), { fin: true, opcode: 2, mask: true, binaryPayload: Buffer.alloc(20, 7) });
    const first = frame.toBuffer();
    expect(first.subarray(0, 2).toString('hex')).toBe('8294');
    expect(first.subarray(2, 6)).toEqual(frame.maskBytes);
    expect(first.equals(frame.toBuffer())).toBe(false);
    const back = make(ours);
    expect(back.addData(first)).toBe(true);
    expect(back.binaryPayload).toEqual(Buffer.alloc(20, 7));
    expect(frame.binaryPayload).toEqual(Buffer.alloc(20, 7));
  });

  test('no Close frame without a code', () =>
    sameWithBoth((library) => {
      const result = outcome(() => Object.assign(make(library), { fin: true, opcode: 8 }).toBuffer());
      return (result as { throws: { name: string } }).throws.name;
    }));

  test('no payload that is text', () => {
    expect(() => Object.assign(make(ours), { opcode: 1, binaryPayload: 'x' }).toBuffer()).toThrow(TypeError);
  });
});
