// Objects that stand for a Receiver, a Sender or a PerMessageDeflate: what works with the classes of ws works with ours.

import { reactive } from '@vue/reactivity';
import sinon from 'sinon';
import { describe, expect, test } from 'vitest';
import { show, sleep, until } from '../oracle.ts';
import { framesFor, ours, readLog, receive, sameWithBoth, Sink, theirs, type LowLevel } from './lowlevel.ts';

type StandIn = <Value extends object>(value: Value) => Value;

const STAND_INS: readonly (readonly [string, StandIn])[] = [
  ['a Proxy without traps', (value) => new Proxy(value, {})],
  [
    'a Proxy that passes itself on',
    (value) => new Proxy(value, { get: (target, name, self) => Reflect.get(target, name, self) as unknown }),
  ],
  ['a Proxy of a Proxy', (value) => new Proxy(new Proxy(value, {}), {})],
  ['an object that inherits', (value) => Object.create(value) as never],
];
// Vue wraps the parts of ws too; streams in depth work with neither.
const REACTIVE: readonly (readonly [string, StandIn])[] = [['a reactive object of Vue', (value) => reactive(value) as never]];

const LONG = Buffer.from('long enough to be compressed '.repeat(50));

/** Offers, answers, and what one side compresses the other decompresses. */
async function useOfDeflate({ PerMessageDeflate }: LowLevel, standIn: StandIn): Promise<unknown> {
  const client = standIn(new PerMessageDeflate({}));
  const server = standIn(new PerMessageDeflate({ isServer: true }));
  const answer = server.accept([{}]);
  const agreed = client.accept([{}]);
  const compressed = await new Promise<Buffer>((resolve) => client.compress(LONG, true, (_, data) => resolve(data!)));
  const plain = await new Promise<Buffer>((resolve) => server.decompress(compressed, true, (_, data) => resolve(data!)));
  const { params } = server;
  client.cleanup();
  server.cleanup();
  return [answer, agreed, params, plain.equals(LONG)];
}

async function useOfSender(library: LowLevel, standIn: StandIn): Promise<unknown> {
  const deflate = standIn(new library.PerMessageDeflate({ threshold: 0 }));
  deflate.accept([{}]);
  const sink = new Sink();
  const sender = standIn(new library.Sender(sink, { 'permessage-deflate': deflate }));
  const told: unknown[] = [];
  sender.send('one', { fin: true }, () => told.push('one'));
  sender.ping(Buffer.from('two'), false, () => told.push('two'));
  sender.send(LONG, { fin: true, binary: true, compress: true }, () => told.push('three'));
  sender.pong(Buffer.from('four'), false, () => told.push('four'));
  told.push(sender._bufferedBytes > 0);
  await until(() => told.length === 5);
  sender.close(1000, 'bye', false, () => told.push('five'));
  sender.sendFrame([Buffer.from('8200', 'hex')], () => told.push('six'));
  await until(() => told.length === 7);
  deflate.cleanup();
  return [readLog(sink.log), told, sender._bufferedBytes];
}

async function useOfReceiver(library: LowLevel, standIn: StandIn): Promise<unknown> {
  const bytes = framesFor(true, [
    { opcode: 1, payload: Buffer.from('text') },
    { opcode: 9, payload: Buffer.from('ping') },
    { opcode: 8, payload: Buffer.from('03e8', 'hex') },
  ]);
  const log = await receive(standIn(new library.Receiver({ isServer: true })), [bytes.subarray(0, 7), bytes.subarray(7)]);
  const wrong = standIn(new library.Receiver({ isServer: true, maxPayload: 3 }));
  return [log, await receive(wrong, [bytes])];
}

describe.each(STAND_INS)('%s', (_, standIn) => {
  test('of a PerMessageDeflate', () => sameWithBoth((library) => useOfDeflate(library, standIn)));
  test('of a Sender', () => sameWithBoth((library) => useOfSender(library, standIn)));
  test('of a Receiver', () => sameWithBoth((library) => useOfReceiver(library, standIn)));
});

describe.each(REACTIVE)('%s', (_, standIn) => {
  test('of a PerMessageDeflate', async () => {
    expect(await useOfDeflate(ours, standIn)).toEqual(await useOfDeflate(theirs, (value) => value));
  });
  test('of a Sender', async () => {
    expect(await useOfSender(ours, standIn)).toEqual(await useOfSender(theirs, (value) => value));
  });
});

test('a Sender writes by the `sendFrame` of the object that it is called on', () =>
  sameWithBoth(async ({ Sender }) => {
    const sink = new Sink();
    const seen: unknown[] = [];
    class Mine extends Sender {
      override sendFrame(list: readonly (Uint8Array | string)[]): void {
        seen.push(['mine', list.map((piece) => show(piece))]);
      }
    }
    new Mine(sink).send(Buffer.from('one'), { fin: true });
    const other = Object.create(new Sender(sink)) as InstanceType<LowLevel['Sender']>;
    other.sendFrame = (list) => void seen.push(['other', list.map((piece) => show(piece))]);
    other.send(Buffer.from('two'), { fin: true });
    await sleep(1);
    return [seen, sink.log];
  }));

test('stub instances answer as they are told, and have no state', () =>
  sameWithBoth(({ Receiver, Sender, PerMessageDeflate }) => {
    const sender = sinon.createStubInstance(Sender);
    const deflate = sinon.createStubInstance(PerMessageDeflate);
    const receiver = sinon.createStubInstance(Receiver);
    deflate.offer.returns({ server_no_context_takeover: true });
    sender.send('text', {});
    const used = new Receiver({ extensions: { 'permessage-deflate': deflate } });
    used.destroy();
    return [sender.send.callCount, deflate.offer(), receiver instanceof Receiver, sender._bufferedBytes, used.destroyed];
  }));
