// The load of `bench` in one process: connections that send messages and wait for the answers.

import { Buffer } from 'node:buffer';
import type { WebSocket } from '../api/ws/classes.ts';
import { elapsed, immediate } from '../clock.ts';
import { startClient, type ClientPlan } from './client.ts';
import { Histogram, type HistogramFields } from './histogram.ts';
import type { Library } from './host.ts';
import { sleep } from './wait.ts';

/** `echo`: an answer for each message. `send`: no answers. `receive`: only the server sends. `connect`: connections are opened and closed. */
export const MODES = ['echo', 'send', 'receive', 'connect'] as const;
export type Mode = (typeof MODES)[number];

/** The work of one process. Times in milliseconds. */
export interface Load {
  readonly mode: Mode;
  readonly connections: number;
  /** Messages of a connection without an answer. */
  readonly inFlight: number;
  /** Bytes of a message. */
  readonly size: number;
  readonly isBinary: boolean;
  /** Messages a second; undefined: as many as there are answers for. */
  readonly rate: number | undefined;
  readonly warmup: number;
  readonly duration: number;
}

/** The results so far. */
export interface Measured {
  readonly connected: number;
  readonly failed: number;
  /** Connections that ended before the end. */
  readonly lost: number;
  readonly sent: number;
  readonly received: number;
  readonly bytesIn: number;
  /** The first error. */
  readonly error: string | undefined;
  /** Round trips; of `connect`, opening handshakes. */
  readonly times: HistogramFields;
  readonly handshakes: HistogramFields;
}

/** Openings at a time: a server's queue of waiting connections is short. */
const MOST_OPENINGS = 64;
/** Messages that `send` sends on a connection before the others have their turn. */
const SENT_IN_A_TURN = 64;
/** Bytes that wait for a server which does not read, before `send` stops. */
const MOST_WAITING = 1_048_576;

export class LoadRun {
  readonly #library: Library;
  readonly #plan: ClientPlan;
  readonly #load: Load;
  readonly #message: string | Buffer;
  readonly #times = new Histogram();
  readonly #handshakes = new Histogram();
  readonly #sockets = new Set<WebSocket>();
  readonly #over = new AbortController();
  #isMeasuring = false;
  #isEnding = false;
  #connected = 0;
  #failed = 0;
  #lost = 0;
  #sent = 0;
  #received = 0;
  #bytesIn = 0;
  #error: string | undefined;

  constructor(library: Library, plan: ClientPlan, load: Load) {
    this.#library = library;
    this.#plan = plan;
    this.#load = load;
    this.#message = load.isBinary ? Buffer.alloc(load.size, 0x61) : 'a'.repeat(load.size);
  }

  measured(): Measured {
    return {
      connected: this.#connected,
      failed: this.#failed,
      lost: this.#lost,
      sent: this.#sent,
      received: this.#received,
      bytesIn: this.#bytesIn,
      error: this.#error,
      times: this.#times,
      handshakes: this.#handshakes,
    };
  }

  /** Opens the connections. @returns How many could be opened. */
  async open(): Promise<number> {
    if (this.#load.mode === 'connect') return this.#load.connections;
    let rest = this.#load.connections;
    const openOne = async (): Promise<void> => {
      while (rest-- > 0 && !this.#isEnding) await this.#openOne();
    };
    await Promise.all(Array.from({ length: Math.min(rest, MOST_OPENINGS) }, openOne));
    return this.#connected;
  }

  async #openOne(): Promise<WebSocket | undefined> {
    const start = elapsed();
    const { ws, opened, closed } = startClient(this.#library, this.#plan);
    try {
      await opened;
    } catch (error) {
      this.#failed++;
      this.#error ??= (error as Error).message;
      return undefined;
    }
    this.#handshakes.add(elapsed() - start);
    this.#connected++;
    this.#sockets.add(ws);
    void closed.then(({ code }) => {
      this.#sockets.delete(ws);
      if (this.#isEnding || this.#load.mode === 'connect') return;
      this.#lost++;
      this.#error ??= `a connection was closed with ${code}`;
      if (this.#sockets.size === 0) this.#over.abort();
    });
    return ws;
  }

  /** Runs the load. Ends early when `signal` is aborted, or no connection is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { mode, warmup, duration } = this.#load;
    signal.addEventListener('abort', () => this.#over.abort());
    const drivers = mode === 'connect' ? this.#connectAgain() : this.#start();
    await sleep(warmup, this.#over.signal);
    this.#isMeasuring = true;
    if (!signal.aborted) await sleep(duration, this.#over.signal);
    this.#isMeasuring = false;
    this.#isEnding = true;
    this.#over.abort();
    await drivers;
  }

  /** Closes all connections; those that do not answer are dropped. */
  async close(): Promise<void> {
    this.#isEnding = true;
    const closed = Promise.all(Array.from(this.#sockets, (ws) => new Promise((done) => ws.once('close', done))));
    for (const ws of this.#sockets) ws.close(1000);
    const answered = new AbortController();
    void closed.then(() => answered.abort());
    await sleep(2000, answered.signal);
    for (const ws of this.#sockets) ws.terminate();
  }

  async #connectAgain(): Promise<void> {
    const connectOne = async (): Promise<void> => {
      while (!this.#isEnding) {
        const start = elapsed();
        const ws = await this.#openOne();
        if (ws === undefined) await sleep(10, this.#over.signal);
        else if (this.#isMeasuring) this.#times.add(elapsed() - start);
        ws?.close(1000);
        if (ws) await new Promise((done) => ws.once('close', done));
      }
    };
    await Promise.all(Array.from({ length: this.#load.connections }, connectOne));
  }

  async #start(): Promise<void> {
    const { mode, rate } = this.#load;
    const senders = Array.from(this.#sockets, (ws) =>
      mode === 'echo' ? this.#echo(ws, rate !== undefined) : this.#listen(ws),
    );
    if (mode === 'receive') return;
    if (rate !== undefined) await this.#sendAtRate(senders, rate);
    else if (mode === 'send') await this.#sendAll();
  }

  /** Counts answers. */
  #listen(ws: WebSocket): (due: number) => void {
    ws.on('message', (data) => this.#count(data as Buffer));
    return () => this.#send(ws);
  }

  #count(data: Buffer): void {
    if (!this.#isMeasuring) return;
    this.#received++;
    this.#bytesIn += data.length;
  }

  #send(ws: WebSocket): void {
    if (ws.readyState !== ws.OPEN) return;
    ws.send(this.#message);
    if (this.#isMeasuring) this.#sent++;
  }

  /**
   * Sends, and sends the next message at each answer. Answers come in order. With a rate, a message counts from the time at which it was due, so
   * that a server which stops for a while is not measured by the few messages that were sent meanwhile.
   */
  #echo(ws: WebSocket, isPaced: boolean): (due: number) => void {
    const { inFlight } = this.#load;
    /** Times of messages: sent ones first, then, with a rate, those that wait for an answer before they are sent. */
    const times: number[] = [];
    let [first, unanswered] = [0, 0];
    const send = (): void => {
      unanswered++;
      this.#send(ws);
    };
    ws.on('message', (data) => {
      const start = times[first++];
      // More answers than messages: they are no echoes.
      if (start === undefined) return this.#count(data as Buffer);
      unanswered--;
      // Not at each answer, because the later elements move.
      if (first > 1024) {
        times.splice(0, first);
        first = 0;
      }
      if (this.#isMeasuring) this.#times.add(elapsed() - start);
      this.#count(data as Buffer);
      if (this.#isEnding) return;
      if (!isPaced) times.push(elapsed());
      if (!isPaced || times.length - first > unanswered) send();
    });
    if (!isPaced) {
      for (let index = 0; index < inFlight; index++) {
        times.push(elapsed());
        send();
      }
    }
    return (due) => {
      times.push(due);
      if (unanswered < inFlight) send();
    };
  }

  /** Sends in turn over all connections, as many messages as are due. */
  async #sendAtRate(senders: readonly ((due: number) => void)[], rate: number): Promise<void> {
    const start = elapsed();
    for (let count = 0; !this.#isEnding;) {
      const due = Math.floor(((elapsed() - start) * rate) / 1000) + 1;
      for (; count < due && !this.#isEnding; count++) senders[count % senders.length](start + (count * 1000) / rate);
      await sleep(1, this.#over.signal);
    }
  }

  /** Sends as much as the connections take. */
  async #sendAll(): Promise<void> {
    while (!this.#isEnding) {
      for (const ws of this.#sockets) {
        for (let count = 0; count < SENT_IN_A_TURN && ws.bufferedAmount < MOST_WAITING; count++) this.#send(ws);
      }
      await new Promise<void>((next) => immediate(next));
    }
  }
}
