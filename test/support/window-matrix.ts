// Windows of 9 to 15 bits, with context takeover and without, and messages that make use of them: for interoperation of
// permessage-deflate. Runs everywhere, browsers included.

/** One way to compress. */
export interface WindowSetting {
  readonly bits: number;
  readonly startsAfresh: boolean;
  readonly name: string;
}

export const WINDOW_SETTINGS: readonly WindowSetting[] = [9, 10, 11, 12, 13, 14, 15].flatMap((bits) =>
  [false, true].map((startsAfresh) => ({
    bits,
    startsAfresh,
    name: `${bits} bits, ${startsAfresh ? 'each message afresh' : 'with context takeover'}`,
  })),
);

/** The options of ws for it, for both directions. */
export function windowOptions({ bits, startsAfresh }: WindowSetting): {
  serverMaxWindowBits: number;
  clientMaxWindowBits: number;
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  threshold: number;
} {
  const takeover = startsAfresh ? { serverNoContextTakeover: true, clientNoContextTakeover: true } : {};
  return { serverMaxWindowBits: bits, clientMaxWindowBits: bits, ...takeover, threshold: 0 };
}

/** Parameters of a response that agree to it. */
export function parametersOf({ bits, startsAfresh }: WindowSetting): string[] {
  const takeover = startsAfresh ? ['server_no_context_takeover', 'client_no_context_takeover'] : [];
  return [...takeover, `server_max_window_bits=${bits}`, `client_max_window_bits=${bits}`];
}

/** The members of a WebSocket of the W3C API that are used here. */
export interface EchoSocket {
  binaryType: string;
  readonly readyState: number;
  addEventListener(type: string, listener: (event: never) => void): void;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1103515245) + 12345) >>> 16);
}

/** Text that repeats itself, within a message and from message to message, and bytes that do so at the far ends of all windows. */
function messages(): (string | Uint8Array<ArrayBuffer>)[] {
  const records = (count: number): string =>
    JSON.stringify(
      Array.from({ length: count }, (_, id) => ({ id, name: `user ${(id * 7919) % 101}`, isActive: id % 3 === 0 })),
    );
  const far = [500, 1000, 2000, 4000, 8000, 16_000, 32_000].map((length) => {
    const bytes = new Uint8Array(2 * length);
    bytes.set(noise(length));
    bytes.set(noise(length), length);
    return bytes;
  });
  return ['Hello', 'Hello', records(5), records(5), '', noise(1), ...far, records(2000), noise(70_000), noise(70_000), 'Hello'];
}

/** Sends the messages to an echo. @returns The numbers of those that did not come back as they were; empty if all is well. */
export async function mismatches(socket: EchoSocket): Promise<number[]> {
  socket.binaryType = 'arraybuffer';
  const expected = messages();
  const wrong: number[] = [];
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    const sendAll = (): void => expected.forEach((message) => socket.send(message));
    socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
      const message = expected[count];
      const isSame =
        typeof data === 'string' || typeof message === 'string'
          ? data === message
          : data.byteLength === message.length && new Uint8Array(data).every((byte, index) => byte === message[index]);
      if (!isSame) wrong.push(count);
      count++;
      if (count === expected.length) socket.close();
    });
    socket.addEventListener('close', ({ code }: { code: number }) => {
      if (count === expected.length) resolve();
      else reject(new Error(`The connection was closed with ${code} after ${count} messages`));
    });
    socket.addEventListener('error', () => {});
    if (socket.readyState === 1) sendAll();
    else socket.addEventListener('open', sendAll);
  });
  return wrong;
}
