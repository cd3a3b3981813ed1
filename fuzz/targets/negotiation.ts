// Extensions, subprotocols and the negotiation of permessage-deflate: whatever a peer writes is read, refused or ignored, and what was
// read means the same when it is written again. RFC 6455 section 9.1, RFC 7692 section 7.1.

import {
  agreeToDeflate,
  answerDeflate,
  offerDeflate,
  PERMESSAGE_DEFLATE,
  type DeflateOptions,
} from '../../src/deflate/parameters.ts';
import { formatExtensions, parseExtensions, type Extension } from '../../src/handshake/extensions.ts';
import { formatSubprotocols, parseSubprotocols } from '../../src/handshake/subprotocols.ts';
import { utf8 } from '../../test/support/frames.ts';
import { Input, must, mustEqual } from '../input.ts';

const latin1 = new TextDecoder('latin1');

/** The result, or undefined when the text is refused. An error that is no refusal of a header is a finding. */
function read<Result>(parse: () => Result): Result | undefined {
  try {
    return parse();
  } catch (error) {
    // ws has a TypeError for the value of a parameter.
    const isRefusal =
      error instanceof Error &&
      (!/^(?:Type|Range|Reference)Error$/.test(error.name) || error.message.startsWith('Invalid value'));
    must(isRefusal, () => `It threw ${String(error)}`);
    return undefined;
  }
}

function optionsOf(input: Input): DeflateOptions {
  const bits = [undefined, 8, 9, 12, 15] as const;
  return {
    serverNoContextTakeover: input.of([undefined, true, false]),
    clientNoContextTakeover: input.of([undefined, true, false]),
    serverMaxWindowBits: input.of([...bits, false]),
    clientMaxWindowBits: input.of([...bits, true, false]),
    maxMemoryPerConnection: input.of([undefined, 0, 1024, 65536]),
  };
}

function checkDeflate(extensions: readonly Extension[], server: DeflateOptions, client: DeflateOptions): void {
  const offers = extensions.filter(({ name }) => name === PERMESSAGE_DEFLATE);
  const answer = answerDeflate(offers, server);
  if (answer !== undefined) {
    const { serverMaxWindowBits, clientMaxWindowBits } = answer.agreement;
    for (const bits of [serverMaxWindowBits, clientMaxWindowBits]) must(bits >= 8 && bits <= 15, () => `${bits} window bits`);
    // The answer is a header like any other.
    mustEqual(parseExtensions(formatExtensions([answer.element])).length, 1, 'Extensions of our answer');
  }
  for (const offer of offers) {
    const agreement = read(() => agreeToDeflate(offer, client));
    if (agreement !== undefined) must(agreement.serverMaxWindowBits <= 15, 'More than 15 bits were agreed');
  }
  const own = answerDeflate([offerDeflate(client)], server);
  if (own !== undefined) read(() => agreeToDeflate(own.element, client));
}

/** Input: options of both sides, which header, then its value. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const [server, client] = [optionsOf(input), optionsOf(input)];
  const value = latin1.decode(input.rest());
  const extensions = read(() => parseExtensions(value));
  if (extensions !== undefined) {
    mustEqual(parseExtensions(formatExtensions(extensions)), extensions, 'Extensions, written and read again');
    checkDeflate(extensions, server, client);
  }
  const protocols = read(() => parseSubprotocols(value));
  if (protocols !== undefined) {
    mustEqual(parseSubprotocols(formatSubprotocols(protocols)), protocols, 'Subprotocols, written and read again');
    must(new Set(protocols).size === protocols.length, 'A subprotocol comes twice');
  }
}

const seed = (value: string): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...utf8(value));

export const seeds: readonly Uint8Array[] = [
  seed('permessage-deflate; client_max_window_bits; server_max_window_bits=10'),
  seed('permessage-deflate; server_no_context_takeover, permessage-deflate; client_no_context_takeover'),
  seed('x-one; a="b\\"c"; d=e, permessage-deflate; server_max_window_bits="9"'),
  seed('chat, superchat;v=2 , chat'),
  seed(`${'a'.repeat(300)}; ${'b; '.repeat(70)}`),
];

export const dictionary: readonly string[] = [
  'permessage-deflate',
  '; server_no_context_takeover',
  '; client_no_context_takeover',
  '; server_max_window_bits=',
  '; client_max_window_bits',
  '="',
  '\\',
  ', ',
  '15',
  '8',
];
