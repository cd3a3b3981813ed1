// Codec under test, a child process of run.mjs: decodes the same chunk of masked frames over and over, without any socket.
// --codec names src/codec/load.js of the library under test; without it ws's Receiver decodes.

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

import { endWithParent, fail, measure } from './window.mjs';
import { OPCODE_BINARY, encodeFrame } from './wire.mjs';

const { values } = parseArgs({
  options: {
    codec: { type: 'string' },
    // The only one that decodes by its Receiver is ws: given to every program.
    module: { type: 'string' },
    size: { type: 'string', default: '125' },
    warmup: { type: 'string', default: '300' },
    duration: { type: 'string', default: '1000' },
  },
});
/** As much as one read of a socket brings. */
const CHUNK_BYTES = 65536;
/** Chunks between two looks at the clock. */
const BURST = 20;
const WORDS_OF_RECORD = 3;
const WORD_OF_LENGTH = 2;

const size = Number(values.size);
const frameLength = encodeFrame(Buffer.alloc(size), OPCODE_BINARY, Buffer.alloc(4)).length;
const frameCount = Math.floor(CHUNK_BYTES / frameLength);
const frames = Array.from({ length: frameCount }, () => encodeFrame(randomBytes(size), OPCODE_BINARY, randomBytes(4)));
const chunk = Buffer.concat(frames);

/**
 * Copies each chunk into codec memory, decodes it, and reads every record.
 *
 * @param {string} specifier
 * @returns {Promise<() => number>} Decodes a chunk and says how many messages were in it.
 */
async function makeCodec(specifier) {
  const codecUrl = new URL('codec.js', specifier).href;
  const [{ sharedCodec }, { DecoderState }] = await Promise.all([import(specifier), import(codecUrl)]);
  const codec = sharedCodec();
  const connection = new DecoderState({ expectMask: true });
  return () => {
    codec.input.set(chunk);
    let at = codec.input.byteOffset;
    let rest = chunk.length;
    let messages = 0;
    while (rest > 0) {
      const count = codec.decode(connection, at, rest);
      for (let index = 0; index < count; index++) {
        if (codec.records[index * WORDS_OF_RECORD + WORD_OF_LENGTH] === size) messages++;
      }
      if (codec.consumed === 0) break;
      at += codec.consumed;
      rest -= codec.consumed;
    }
    return messages;
  };
}

/** ws unmasks in place, so it needs a copy of its own each time, as a socket would bring it. @returns {Promise<() => number>} */
async function makeReceiver() {
  // Exported, but its types leave it out.
  const module = /** @type {{ Receiver: new (options: object) => import('node:stream').Writable }} */ (
    /** @type {unknown} */ (await import('ws'))
  );
  const receiver = new module.Receiver({ isServer: true });
  let messages = 0;
  receiver.on('message', (/** @type {Buffer} */ data) => {
    if (data.length === size) messages++;
  });
  const own = Buffer.allocUnsafeSlow(chunk.length);
  return () => {
    messages = 0;
    own.set(chunk);
    receiver.write(own);
    return messages;
  };
}

const decode = await (values.codec ? makeCodec(values.codec) : makeReceiver());
if (decode() !== frameCount) fail(new Error('not every message was decoded'));
let counted = 0;
function burst() {
  for (let index = 0; index < BURST; index++) counted += decode();
  setImmediate(burst);
}
endWithParent();
burst();
await measure(() => counted, { warmup: Number(values.warmup), duration: Number(values.duration) });
