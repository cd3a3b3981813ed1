// `wasock replay`: sends the messages of a recording again, and compares the answers.

import { elapsed } from '../clock.ts';
import { defineCommand, readDuration, readNumber, type Arguments, type Command, type Options } from './arguments.ts';
import { CLIENT_OPTIONS, readClientPlan, startClient } from './client.ts';
import { EXIT, exitCodeOf, type ExitCode } from './exit.ts';
import type { Host } from './host.ts';
import { messageOf, type Message } from './messages.ts';
import { Output } from './output.ts';
import { readRecording, type RecordedMessage } from './recording.ts';
import { safeText } from './terminal.ts';
import { onSignal, sleep } from './wait.ts';

const OPTIONS = {
  check: { help: 'compare the answers with the recording; exit code 6 if they differ' },
  speed: { value: 'FACTOR', help: 'play this many times faster; 0 for no waiting; default 1' },
  connection: { value: 'NUMBER', help: 'the connection of the recording to play; default 1' },
  wait: { value: 'TIME', short: 'w', help: 'most time for answers that the recording has; default 2s' },
  json: { help: 'JSON lines' },
  quiet: { short: 'q', help: 'print messages only' },
  ...CLIENT_OPTIONS,
} as const satisfies Options;

export const command: Command = defineCommand({
  operands: ['FILE', 'URL'],
  summary: 'Sends the messages of a recording again: of connect, of proxy, or of DevTools (HAR).',
  options: OPTIONS,
  notes: `A message waits for the answers that came before it in the recording.

Example:
  wasock replay talk.jsonl ws://127.0.0.1:8080/ --speed 0 --check`,
  run,
});

async function run(host: Host, { operands: [file, url], values }: Arguments<typeof OPTIONS>): Promise<ExitCode> {
  const speed = readNumber('--speed', values.speed ?? '1');
  const wait = readDuration('--wait', values.wait ?? '2s');
  const plan = await readClientPlan(host, url, values);
  const messages = await readRecording(
    file,
    readNumber('--connection', values.connection ?? '1', { least: 1, isInteger: true }),
  );
  const output = new Output({ json: values.json === true, quiet: values.quiet === true, encoding: 'hex' });
  const client = startClient(await host.load(), plan);
  const { ws } = client;
  const over = new AbortController();
  let signalCode: ExitCode | undefined;
  const stopListening = onSignal((code) => {
    signalCode = code;
    ws.close();
    over.abort();
  });
  void client.closed.then(() => over.abort());
  const received: Message[] = [];
  let arrived = (): void => {};
  ws.on('message', (data, isBinary) => {
    const message = messageOf(data, isBinary);
    received.push(message);
    output.message(message);
    arrived();
    const resume = (): void => ws.resume();
    if (output.isFull(resume)) ws.pause();
  });
  try {
    await client.opened;
  } catch (error) {
    // A signal has cut the opening handshake short.
    if (signalCode !== undefined) return signalCode;
    throw error;
  }
  output.opened(plan.url.href.replace(/\/\/[^/]*@/, '//'), ws.protocol, ws.extensions);
  /** Waits until `count` messages have come. @returns Whether they have. */
  const waitFor = async (count: number): Promise<boolean> => {
    const enough = new AbortController();
    arrived = () => {
      if (received.length >= count) enough.abort();
    };
    arrived();
    await sleep(wait, AbortSignal.any([enough.signal, over.signal]));
    return enough.signal.aborted;
  };
  await play(messages, speed, over.signal, waitFor, async (message) => await ws.sendAsync(message));
  const expected = messages.filter(({ direction }) => direction === 'receive').map(({ message }) => message);
  await waitFor(expected.length);
  if (ws.readyState === ws.OPEN) ws.close(1000);
  const { code, reason, error } = await client.closed;
  stopListening();
  output.closed(code, reason, error);
  if (signalCode !== undefined) return signalCode;
  if (values.check !== true) return exitCodeOf(code);
  const difference = differenceOf(expected, received);
  output.complain(difference ?? `The answers are those of the recording: ${expected.length}`);
  return difference === undefined ? EXIT.done : EXIT.differs;
}

/** Sends the messages of the client at their times. */
async function play(
  messages: readonly RecordedMessage[],
  speed: number,
  over: AbortSignal,
  waitFor: (count: number) => Promise<boolean>,
  send: (message: Message) => Promise<void>,
): Promise<void> {
  const start = elapsed();
  let received = 0;
  // An answer that does not come is waited for only once.
  let isInStep = true;
  for (const { direction, time, message } of messages) {
    if (direction === 'receive') {
      received++;
      continue;
    }
    if (isInStep) isInStep = await waitFor(received);
    if (speed > 0) await sleep(Math.max(0, time / speed - (elapsed() - start)), over);
    if (over.aborted) return;
    await send(message).catch(() => {});
  }
}

const show = (message: Message | undefined): string =>
  message === undefined
    ? 'nothing'
    : typeof message === 'string'
      ? safeText(JSON.stringify(message))
      : `binary ${message.toString('hex')}`;

/** The first difference in words; undefined if there is none. */
function differenceOf(expected: readonly Message[], received: readonly Message[]): string | undefined {
  const length = Math.max(expected.length, received.length);
  for (let index = 0; index < length; index++) {
    const [want, got] = [show(expected.at(index)), show(received.at(index))];
    if (want !== got) return `Answer ${index + 1} differs.\n  recorded: ${shorten(want)}\n  now:      ${shorten(got)}`;
  }
  return undefined;
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
