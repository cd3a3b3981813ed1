// RFC 7692 sections 5.1 and 7.1 as tables. The fuzz suite compares the same functions with an independent implementation.

import { describe, expect, it } from 'vitest';
import {
  agreeToDeflate,
  answerDeflate,
  offerDeflate,
  type DeflateElement,
  type DeflateOptions,
} from '../../../src/deflate/parameters.ts';
import { formatExtensions, parseExtensions } from '../../../src/handshake/extensions.ts';

const elements = (header: string): DeflateElement[] => [...parseExtensions(header)];
const element = (parameters: string): DeflateElement => elements(`permessage-deflate${parameters && '; '}${parameters}`)[0];
const write = (written: DeflateElement): string =>
  formatExtensions([written]).replace('permessage-deflate', '').replace(/^; /, '');

/** [own options, the peer's parameters, our parameters in the response]. */
type Row = readonly [DeflateOptions, string, string];

describe('offerDeflate', () => {
  const rows: readonly (readonly [DeflateOptions, string])[] = [
    [{}, 'client_max_window_bits'],
    [{ clientMaxWindowBits: true }, 'client_max_window_bits'],
    [{ clientMaxWindowBits: false }, ''],
    [{ clientMaxWindowBits: 8 }, 'client_max_window_bits=8'],
    [{ clientMaxWindowBits: 15 }, 'client_max_window_bits=15'],
    [{ serverMaxWindowBits: 8 }, 'server_max_window_bits=8; client_max_window_bits'],
    [{ serverMaxWindowBits: false }, 'client_max_window_bits'],
    [{ serverNoContextTakeover: true }, 'server_no_context_takeover; client_max_window_bits'],
    [{ serverNoContextTakeover: false }, 'client_max_window_bits'],
    [{ maxMemoryPerConnection: 8192 }, 'server_max_window_bits=12; client_max_window_bits'],
    [{ maxMemoryPerConnection: 65536 }, 'client_max_window_bits'],
    [{ maxMemoryPerConnection: Infinity }, 'client_max_window_bits'],
    [{ maxMemoryPerConnection: 512 }, 'server_max_window_bits=8; client_max_window_bits'],
    // A window of 256 bytes does not fit, so the server is to keep none.
    [{ maxMemoryPerConnection: 511 }, 'server_no_context_takeover; client_max_window_bits'],
    [{ maxMemoryPerConnection: 0 }, 'server_no_context_takeover; client_max_window_bits'],
    [{ maxMemoryPerConnection: 0, serverNoContextTakeover: false }, 'server_max_window_bits=8; client_max_window_bits'],
    // A server that starts afresh keeps no window: a smaller one would only make its messages longer.
    [{ maxMemoryPerConnection: 8192, serverNoContextTakeover: true }, 'server_no_context_takeover; client_max_window_bits'],
    [{ maxMemoryPerConnection: 0, serverMaxWindowBits: 10 }, 'server_max_window_bits=10; client_max_window_bits'],
    [{ clientNoContextTakeover: true }, 'client_no_context_takeover; client_max_window_bits'],
    [{ clientNoContextTakeover: false }, 'client_max_window_bits'],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, clientMaxWindowBits: 12 },
      'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12',
    ],
  ];
  it.each(rows)('client with %j offers "%s"', (options, expected) => {
    const offer = offerDeflate(options);
    expect(offer.name).toBe('permessage-deflate');
    expect(write(offer)).toBe(expected);
  });
});

describe('answerDeflate', () => {
  const accepted: readonly Row[] = [
    [{}, '', ''],
    // Section 7.1.1.1: the server must comply, and may do so unasked.
    [{}, 'server_no_context_takeover', 'server_no_context_takeover'],
    [{ serverNoContextTakeover: true }, '', 'server_no_context_takeover'],
    [{ serverNoContextTakeover: true }, 'server_no_context_takeover', 'server_no_context_takeover'],
    [{ serverNoContextTakeover: false }, '', ''],
    // Section 7.1.1.2: a hint, which the server may also give unasked.
    [{}, 'client_no_context_takeover', 'client_no_context_takeover'],
    [{ clientNoContextTakeover: true }, '', 'client_no_context_takeover'],
    [{ clientNoContextTakeover: false }, 'client_no_context_takeover', 'client_no_context_takeover'],
    // Section 7.1.2.1: the same value or a smaller one.
    [{}, 'server_max_window_bits=8', 'server_max_window_bits=8'],
    [{}, 'server_max_window_bits=15', 'server_max_window_bits=15'],
    [{ serverMaxWindowBits: 9 }, 'server_max_window_bits=10', 'server_max_window_bits=9'],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits=10', 'server_max_window_bits=10'],
    [{ serverMaxWindowBits: 10 }, '', 'server_max_window_bits=10'],
    [{ serverMaxWindowBits: false }, '', ''],
    // Section 7.1.2.2: only where the client said that it can, and no larger than it said.
    [{}, 'client_max_window_bits', 'client_max_window_bits=12'],
    [{}, 'client_max_window_bits=15', 'client_max_window_bits=12'],
    [{ maxMemoryPerConnection: 65536 }, 'client_max_window_bits', ''],
    [{ maxMemoryPerConnection: 65535 }, 'client_max_window_bits', 'client_max_window_bits=14'],
    [{ maxMemoryPerConnection: 1024 }, 'client_max_window_bits', 'client_max_window_bits=9'],
    // A client that starts afresh is not asked for a smaller window, because none is kept.
    [{ maxMemoryPerConnection: 100 }, 'client_max_window_bits', 'client_no_context_takeover'],
    [{ maxMemoryPerConnection: 0 }, 'client_max_window_bits', 'client_no_context_takeover'],
    [{ maxMemoryPerConnection: 0 }, 'client_max_window_bits=10', 'client_no_context_takeover; client_max_window_bits=10'],
    [{ maxMemoryPerConnection: 0, clientNoContextTakeover: false }, 'client_max_window_bits', 'client_max_window_bits=8'],
    [{ clientNoContextTakeover: true }, 'client_max_window_bits', 'client_no_context_takeover'],
    [{ clientNoContextTakeover: true }, 'client_max_window_bits=15', 'client_no_context_takeover; client_max_window_bits=15'],
    [{}, 'client_no_context_takeover; client_max_window_bits', 'client_no_context_takeover'],
    [
      { maxMemoryPerConnection: 0, clientMaxWindowBits: 10 },
      'client_max_window_bits',
      'client_no_context_takeover; client_max_window_bits=10',
    ],
    [{ maxMemoryPerConnection: 0 }, '', 'client_no_context_takeover'],
    // A client that cannot be asked for a smaller window starts afresh where the program has named a memory.
    [{ maxMemoryPerConnection: 8192 }, '', 'client_no_context_takeover'],
    [{ maxMemoryPerConnection: 8192, clientNoContextTakeover: false }, '', ''],
    [{}, 'client_max_window_bits=10', 'client_max_window_bits=10'],
    [{ clientMaxWindowBits: true }, 'client_max_window_bits=10', 'client_max_window_bits=10'],
    [{ clientMaxWindowBits: false }, 'client_max_window_bits=10', ''],
    [{ clientMaxWindowBits: false }, 'client_max_window_bits', ''],
    [{ clientMaxWindowBits: 8 }, 'client_max_window_bits', 'client_max_window_bits=8'],
    [{ clientMaxWindowBits: 10 }, 'client_max_window_bits=10', 'client_max_window_bits=10'],
    [{ clientMaxWindowBits: 9 }, 'client_max_window_bits=10', 'client_max_window_bits=9'],
    [{}, 'client_max_window_bits="10"', 'client_max_window_bits=10'],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 8, clientMaxWindowBits: 9 },
      'client_max_window_bits; server_max_window_bits=15',
      'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9',
    ],
  ];
  it.each(accepted)('server with %j answers "%s" with "%s"', (options, offer, expected) => {
    const answer = answerDeflate([element(offer)], options);
    expect(answer?.element.name).toBe('permessage-deflate');
    expect(answer && write(answer.element)).toBe(expected);
  });

  const declined: readonly (readonly [DeflateOptions, string])[] = [
    [{ serverNoContextTakeover: false }, 'server_no_context_takeover'],
    [{ serverMaxWindowBits: false }, 'server_max_window_bits=15'],
    [{ serverMaxWindowBits: 11 }, 'server_max_window_bits=10'],
    [{ clientMaxWindowBits: 10 }, ''],
    [{ clientMaxWindowBits: 11 }, 'client_max_window_bits=10'],
    // Section 7.1: an unknown parameter, an invalid value, a parameter that comes twice.
    [{}, 'unknown'],
    [{}, 'Server_no_context_takeover'],
    [{}, '__proto__'],
    [{}, 'server_no_context_takeover=1'],
    [{}, 'client_no_context_takeover=true'],
    [{}, 'server_max_window_bits'],
    [{}, 'server_max_window_bits=7'],
    [{}, 'server_max_window_bits=16'],
    [{}, 'server_max_window_bits=08'],
    [{}, 'server_max_window_bits=1e1'],
    [{}, 'server_max_window_bits=0xa'],
    [{}, 'server_max_window_bits=10.0'],
    [{}, 'server_max_window_bits=-8'],
    [{}, 'server_max_window_bits=+8'],
    [{}, 'server_max_window_bits=NaN'],
    [{}, 'client_max_window_bits=0'],
    [{}, 'client_max_window_bits=true'],
    [{}, 'server_no_context_takeover; server_no_context_takeover'],
    [{}, 'client_max_window_bits; client_max_window_bits=10'],
    [{}, 'server_max_window_bits=10; server_max_window_bits=10'],
  ];
  it.each(declined)('server with %j declines "%s"', (options, offer) => {
    expect(answerDeflate([element(offer)], options)).toBeUndefined();
  });

  it('server takes the first acceptable offer, and passes other extensions by', () => {
    const offers = elements(
      'x-other; server_max_window_bits=8, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=9, ' +
        'permessage-deflate; server_max_window_bits=12, permessage-deflate',
    );
    const answer = answerDeflate(offers, { serverMaxWindowBits: 10 });
    expect(answer?.element.parameters).toEqual([{ name: 'server_max_window_bits', value: '10' }]);
    expect(answerDeflate(offers.slice(0, 3), { serverMaxWindowBits: 10 })).toBeUndefined();
    expect(answerDeflate([], {})).toBeUndefined();
  });

  it('server holds itself and the client to what it answers', () => {
    expect(answerDeflate([element('')], {})?.agreement).toEqual({
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 15,
    });
    const offer = 'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=11';
    expect(answerDeflate([element(offer)], {})?.agreement).toEqual({
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 11,
    });
    expect(answerDeflate([element(offer)], { serverMaxWindowBits: 8, clientMaxWindowBits: false })?.agreement).toEqual({
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 15,
    });
  });
});

describe('agreeToDeflate', () => {
  /** [options, response, [server afresh, client afresh, server bits, client bits]]. */
  const agreed: readonly (readonly [DeflateOptions, string, readonly [boolean, boolean, number, number]])[] = [
    [{}, '', [false, false, 15, 15]],
    [{}, 'server_no_context_takeover', [true, false, 15, 15]],
    [{ serverNoContextTakeover: true }, 'server_no_context_takeover', [true, false, 15, 15]],
    [{ serverNoContextTakeover: false }, 'server_no_context_takeover', [true, false, 15, 15]],
    [{}, 'client_no_context_takeover', [false, true, 15, 15]],
    // Section 7.1.1.2: the client may do so whether or not the server took note.
    [{ clientNoContextTakeover: true }, '', [false, true, 15, 15]],
    [{}, 'server_max_window_bits=8', [false, false, 8, 15]],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits=10', [false, false, 10, 15]],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits=9', [false, false, 9, 15]],
    [{ serverMaxWindowBits: 15 }, '', [false, false, 15, 15]],
    [{}, 'client_max_window_bits=8', [false, false, 15, 8]],
    [{ clientMaxWindowBits: true }, 'client_max_window_bits=15', [false, false, 15, 15]],
    [{ clientMaxWindowBits: 10 }, 'client_max_window_bits=10', [false, false, 15, 10]],
    [{ clientMaxWindowBits: 10 }, 'client_max_window_bits=8', [false, false, 15, 8]],
    // The client keeps to its own offer when the server does not repeat it.
    [{ clientMaxWindowBits: 10 }, '', [false, false, 15, 10]],
    [{ clientMaxWindowBits: false }, '', [false, false, 15, 15]],
  ];
  it.each(agreed)(
    'client with %j agrees to "%s"',
    (options, response, [serverAfresh, clientAfresh, serverBits, clientBits]) => {
      expect(agreeToDeflate(element(response), options)).toEqual({
        serverNoContextTakeover: serverAfresh,
        clientNoContextTakeover: clientAfresh,
        serverMaxWindowBits: serverBits,
        clientMaxWindowBits: clientBits,
      });
    },
  );

  const refused: readonly (readonly [DeflateOptions, string, string])[] = [
    [{ clientNoContextTakeover: false }, 'client_no_context_takeover', 'Unexpected parameter "client_no_context_takeover"'],
    [{ clientMaxWindowBits: false }, 'client_max_window_bits=15', 'Unexpected or invalid parameter "client_max_window_bits"'],
    [{ clientMaxWindowBits: 10 }, 'client_max_window_bits=11', 'Unexpected or invalid parameter "client_max_window_bits"'],
    // Sections 7.1.1.1 and 7.1.2.1: to accept the offer is to comply.
    [{ serverNoContextTakeover: true }, '', 'Missing parameter "server_no_context_takeover"'],
    [{ serverMaxWindowBits: 10 }, '', 'Missing or invalid parameter "server_max_window_bits"'],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits=11', 'Missing or invalid parameter "server_max_window_bits"'],
    // Section 7.1.2.2: a response needs the value.
    [{}, 'client_max_window_bits', 'Invalid value for parameter "client_max_window_bits": true'],
    [{}, 'server_max_window_bits', 'Invalid value for parameter "server_max_window_bits": true'],
    [{}, 'server_max_window_bits=7', 'Invalid value for parameter "server_max_window_bits": 7'],
    [{}, 'client_max_window_bits=16', 'Invalid value for parameter "client_max_window_bits": 16'],
    [{}, 'client_max_window_bits=010', 'Invalid value for parameter "client_max_window_bits": 010'],
    [{}, 'server_no_context_takeover=x', 'Invalid value for parameter "server_no_context_takeover": x'],
    [{}, 'unknown=1', 'Unknown parameter "unknown"'],
    [
      {},
      'client_no_context_takeover; client_no_context_takeover',
      'Parameter "client_no_context_takeover" must have only a single value',
    ],
  ];
  it.each(refused)('client with %j refuses "%s"', (options, response, message) => {
    expect(() => agreeToDeflate(element(response), options)).toThrow(message);
  });
});
