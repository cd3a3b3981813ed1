// What the contract's server does: a path names the behaviour, so that a client needs nothing but the wire and the server may be
// another process, as for browsers. No runtime's modules here.

/** What the script asks of a server's WebSocket: the ws style. */
export interface ServerSocket {
  on(event: 'message', listener: (data: Uint8Array, isBinary: boolean) => void): unknown;
  on(event: 'ping' | 'pong', listener: (data: Uint8Array) => void): unknown;
  on(event: 'close', listener: (code: number, reason: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: Error & { code?: string }) => void): unknown;
  send(data: string | Uint8Array, options?: { binary?: boolean; fin?: boolean; mask?: boolean }): void;
  ping(data?: Uint8Array): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  /** Not with servers of others. */
  readonly ready?: Promise<unknown>;
}

/** What the script asks of an upgrade request. */
export interface ServerRequest {
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What the server saw of a connection to `/watch` or `/fault`, as `/seen` tells it. */
export interface Sighting {
  readonly code: number;
  readonly reason: string;
  /** The `code` of its error event; '' for none. */
  readonly error: string;
}

/** How many messages `/burst` sends. */
export const BURST = 1000;

/** The bytes that `/fragments` sends as one binary message. */
export const FRAGMENTS: readonly Uint8Array<ArrayBuffer>[] = [
  Uint8Array.of(1, 2, 3),
  new Uint8Array(0),
  new Uint8Array(70_000).fill(4),
  Uint8Array.of(5),
];

/** Takes the memory of `bytes` away, as a worker or a byte stream does that they are handed to. */
export function transfer({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

const SIZES = [100, 16_383, 16_384, 65_536, 131_072, 300_000, 1_048_576];
/** How long the messages are that `/scratch` sends; the index of each is all that it consists of. */
export const SCRATCH: readonly number[] = Array.from({ length: 28 }, (_, index) => SIZES[index % SIZES.length]);

type Behaviour = (ws: ServerSocket, query: URLSearchParams, request: ServerRequest) => void;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A server's half of the contract. Give its methods to a WebSocketServer. */
export class ContractScript {
  readonly #sightings = new Map<string, Sighting>();
  readonly #waiting = new Map<string, (sighting: Sighting) => void>();
  /** Whose memory an ArrayBuffer was. */
  readonly #owners = new WeakMap<ArrayBufferLike, ServerSocket>();

  /** Whether to accept: `verifyClient`. */
  verify(request: ServerRequest): boolean {
    return !(request.url ?? '').startsWith('/refuse');
  }

  /** Takes `second` where it is offered, nothing where `none` is, else the first: `handleProtocols`. */
  chooseProtocol(offered: ReadonlySet<string>): string | false {
    if (offered.has('none')) return false;
    return offered.has('second') ? 'second' : [...offered][0];
  }

  /** A connection was made: 'connection'. */
  accept(ws: ServerSocket, request: ServerRequest): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    this.#watch(ws, searchParams.get('id'));
    const behaviour = this.#behaviours[pathname.slice(1)];
    if (behaviour === undefined) ws.close(1008, `No such path: ${pathname}`);
    else behaviour(ws, searchParams, request);
  }

  readonly #behaviours: Readonly<Record<string, Behaviour | undefined>> = {
    echo: (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })),
    watch: () => {},
    // Sends at once.
    greet: (ws) => {
      ws.send('welcome');
      ws.send('again');
    },
    // Listens behind `ready`.
    ready: (ws) => {
      void Promise.resolve(ws.ready).then(() => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    },
    seen: (ws, query) => this.#tell(ws, query.get('of') ?? ''),
    close: (ws, query) => {
      const code = query.get('code');
      if (code === null) ws.close();
      else ws.close(Number(code), query.get('reason') ?? '');
    },
    crossing: (ws) => ws.on('message', () => ws.close(4001, 'from the server')),
    terminate: (ws) => ws.on('message', () => ws.terminate()),
    burst: (ws) => {
      for (let index = 0; index < BURST; index++) ws.send(`message ${index}`);
    },
    headers: (ws, _query, { headers }) => ws.send(JSON.stringify(headers)),
    // Its own Ping, then what came back as Pong.
    ping: (ws, query) => {
      ws.on('pong', (payload) => ws.send(`pong ${decoder.decode(payload)}`));
      ws.ping(encoder.encode(query.get('payload') ?? ''));
    },
    // Tells which Pings and Pongs came.
    control: (ws) => {
      ws.on('ping', (payload) => ws.send(`ping ${decoder.decode(payload)}`));
      ws.on('pong', (payload) => ws.send(`pong ${decoder.decode(payload)}`));
    },
    // Echoes, then takes the memory of all that it was given away.
    transfer: (ws) => {
      ws.on('message', (data, isBinary) => {
        ws.send(data, { binary: isBinary });
        transfer(data);
      });
      ws.on('ping', transfer);
      ws.on('close', (_code, reason) => transfer(reason));
    },
    // Sends the same memory again and again, filled anew each time, far more than the system takes at once.
    scratch: (ws, query) => {
      const scratch = new Uint8Array(Math.max(...SCRATCH));
      for (const [index, size] of SCRATCH.entries()) {
        ws.send(scratch.fill(index).subarray(0, size), { binary: true });
      }
      const transferred = new Uint8Array(200_000).fill(1);
      ws.send(transferred, { binary: true });
      transfer(transferred);
      if (query.has('fragments')) {
        ws.send(scratch.fill(2).subarray(0, 20_000), { binary: true, fin: false });
        ws.send(scratch.fill(3).subarray(0, 20_000), { binary: true, fin: true });
      }
      scratch.fill(0xff);
    },
    // Tells how long the ArrayBuffer of a message or Ping is, and whether another connection had it before.
    memory: (ws) => {
      const tell = ({ buffer }: Uint8Array): void => {
        const owner = this.#owners.get(buffer) ?? ws;
        this.#owners.set(buffer, owner);
        ws.send(owner === ws ? `${buffer.byteLength}` : 'shared');
      };
      ws.on('message', tell);
      ws.on('ping', tell);
    },
    fragments: (ws) => {
      ws.send('häl', { fin: false });
      ws.ping(encoder.encode('between'));
      ws.send('', { fin: false });
      ws.send('lo 👋', { fin: true });
      for (const [index, bytes] of FRAGMENTS.entries()) ws.send(bytes, { binary: true, fin: index === FRAGMENTS.length - 1 });
      ws.send('after');
    },
    // Breaks the protocol, after one good message.
    fault: (ws, query) => {
      ws.send('before');
      if (query.get('kind') === 'masked') ws.send('masked', { mask: true });
      else ws.send(Uint8Array.of(0x61, 0xc3, 0x28), { binary: false });
    },
  };

  #watch(ws: ServerSocket, id: string | null): void {
    let code = '';
    ws.on('error', (error) => (code = error.code ?? error.message));
    ws.on('close', (status, reason) => {
      if (id === null) return;
      const sighting = { code: status, reason: decoder.decode(reason), error: code };
      this.#sightings.set(id, sighting);
      this.#waiting.get(id)?.(sighting);
    });
  }

  #tell(ws: ServerSocket, id: string): void {
    const tell = (sighting: Sighting): void => ws.send(JSON.stringify(sighting));
    const sighting = this.#sightings.get(id);
    if (sighting === undefined) this.#waiting.set(id, tell);
    else tell(sighting);
  }
}
