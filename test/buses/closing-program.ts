// Topics over a bus whose engine is away, as a program: closes everything, and must end by itself. The argument has the kind of bus, the port of its engine, and a
// file from which the clients' packages are found. Writes a line once its client is made, and goes on at a line of its standard input.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Topics } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { KINDS, type BusKind, type KindName } from './kinds.ts';

interface Arguments {
  readonly kind: KindName;
  readonly enginePort: number;
  readonly packages: string;
}

const { kind, enginePort, packages } = JSON.parse(process.argv[2]) as Arguments;
const { bus, close } = await (KINDS[kind] as BusKind).create(enginePort, createRequire(packages));
console.log('made');
await once(process.stdin, 'data');
process.stdin.destroy();

const topics = new Topics({ bus });
const waiting = [topics.ready, topics.subscribe(new FakeSocket(), 't'), topics.publish('t', 'x')];
const ended = Promise.all(waiting.map((promise) => promise.then(String, ({ message }: Error) => message)));
// It has tried to connect.
await new Promise((resolve) => setTimeout(resolve, 300));
await topics.close();
console.log(JSON.stringify(await ended));
await close();
