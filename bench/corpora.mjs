// Traffic to compress, the same in every run: what one connection of six kinds of programs carries.

/** The same numbers in every run. @param {number} seed @returns {(below: number) => number} */
function makeRandom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

const WORDS =
  'the to and of a in is it you that we for on have be with not this are but can will at what do so if me one all my how just get out when up who time like no there go about see now good day some would work think make could first new want because way look then thing than know take year these give most very after back come well even any them find tell ask feel try leave call last long great own old right big high small large next early young important few public same able meeting release deploy server build tests review branch coffee lunch tomorrow today yesterday customer ticket question update issue design budget weekend'.split(
    ' ',
  );
const NAMES =
  'Ada Ben Cleo Dana Emil Fay Gus Hana Ivan Jo Kim Lea Max Nora Otto Pia Quinn Rosa Sam Tara Umar Vera Will Xenia Yan Zoe'.split(
    ' ',
  );
const CITIES = ['Berlin', 'Lisbon', 'Osaka', 'Lagos', 'Quito', 'Oslo', 'Perth', 'Pune'];
const START = 1_790_000_000_000;

/** @param {(below: number) => number} random @param {number} count */
function sentence(random, count) {
  // The square makes the first words frequent, as in any language.
  const words = Array.from(
    { length: count },
    () => WORDS[Math.floor((random(1000) * random(1000) * WORDS.length) / 1_000_000)],
  );
  return `${words[0][0].toUpperCase()}${words.join(' ').slice(1)}${'.?!'[random(3)]}`;
}

/** @param {(below: number) => number} random @param {number} digits */
function hexadecimal(random, digits) {
  return Array.from({ length: digits }, () => random(16).toString(16)).join('');
}

/** @param {unknown} value */
const json = (value) => Buffer.from(JSON.stringify(value));

/** Events of a shop, 1 KiB each or so. @param {(below: number) => number} random @param {number} sequence */
function jsonEvent(random, sequence) {
  const types = ['order.created', 'order.paid', 'order.shipped', 'cart.updated', 'user.signed_in'];
  return json({
    id: `evt_${hexadecimal(random, 24)}`,
    type: types[random(types.length)],
    created: new Date(START + sequence * 1700 + random(1000)).toISOString(),
    data: {
      order: `ord_${hexadecimal(random, 16)}`,
      customer: { id: random(100_000), name: NAMES[random(26)], city: CITIES[random(8)], isBusiness: random(2) === 1 },
      items: Array.from({ length: 6 + random(6) }, () => ({
        sku: `SKU-${10_000 + random(500)}`,
        title: sentence(random, 3).slice(0, -1),
        quantity: 1 + random(4),
        price: random(20_000) / 100,
        currency: 'EUR',
      })),
      total: random(100_000) / 100,
    },
  });
}

/** @param {(below: number) => number} random @param {number} sequence */
function chatMessage(random, sequence) {
  if (random(5) === 0) return json({ type: 'typing', room: `room-${random(5)}`, user: NAMES[random(26)] });
  return json({
    type: 'message',
    id: sequence,
    room: `room-${random(5)}`,
    user: NAMES[random(26)],
    time: START + sequence * 4000 + random(4000),
    text: sentence(random, 3 + random(25)),
  });
}

/** @param {(below: number) => number} random */
function makeMarket(random) {
  const book = Array.from({ length: 30 }, (_, index) => ({
    symbol: `${'ABCDEF'[index % 6]}${'XYZQJ'[index % 5]}${10 + index}`,
    price: 10_000 + random(90_000),
  }));
  return (/** @type {number} */ sequence) => {
    const quotes = Array.from({ length: 1 + random(8) }, () => {
      const entry = book[random(book.length)];
      entry.price += random(21) - 10;
      return { s: entry.symbol, b: entry.price / 100, a: (entry.price + 1 + random(4)) / 100, v: random(5000) };
    });
    return json({ ch: 'quotes', seq: sequence, ts: START + sequence * 50 + random(50), q: quotes });
  };
}

/** Pages of a list, some 4 KiB each. @param {(below: number) => number} random @param {number} sequence */
function graphqlAnswer(random, sequence) {
  const edges = Array.from({ length: 8 + random(12) }, () => {
    const id = Buffer.from(`Issue:${random(1_000_000)}`).toString('base64');
    return {
      cursor: id,
      node: {
        __typename: 'Issue',
        id,
        number: random(90_000),
        title: sentence(random, 6),
        state: random(2) === 1 ? 'OPEN' : 'CLOSED',
        author: {
          __typename: 'User',
          login: NAMES[random(26)].toLowerCase(),
          avatarUrl: `https://example.com/u/${random(9999)}?s=40`,
        },
        labels: { nodes: [{ __typename: 'Label', name: WORDS[random(40)], color: hexadecimal(random, 6) }] },
        updatedAt: new Date(START + random(1_000_000_000)).toISOString(),
      },
    };
  });
  return json({
    id: String(sequence),
    type: 'next',
    payload: { data: { repository: { __typename: 'Repository', issues: { edges, pageInfo: { hasNextPage: true } } } } },
  });
}

/** @param {number} value @returns {number[]} */
function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/** @param {string} text */
const varstring = (text) => [...varint(Buffer.byteLength(text)), ...Buffer.from(text)];

/** Two people type into one document: updates of Yjs's first format, in its sync protocol. @param {(below: number) => number} random */
function makeYjs(random) {
  const writers = [0, 1].map(() => ({ client: random(0xffff_ffff), clock: 0 }));
  return () => {
    const [writer, other] = random(6) > 0 ? writers : writers.toReversed();
    const text = random(8) > 0 ? (sentence(random, 1)[random(2)] ?? 'a') : sentence(random, 4);
    const origin =
      writer.clock > 0 && random(9) > 0 ? [writer.client, writer.clock - 1] : [other.client, Math.max(0, other.clock - 1)];
    // One client with one struct: a string whose left neighbour is known; then an empty delete set.
    const update = [
      1,
      1,
      ...varint(writer.client),
      ...varint(writer.clock),
      0x84,
      ...varint(origin[0]),
      ...varint(origin[1]),
      ...varstring(text),
      0,
    ];
    writer.clock += text.length;
    return Buffer.from([0, 2, ...varint(update.length), ...update]);
  };
}

/** Readings of devices in protobuf's wire format. @param {(below: number) => number} random @param {number} sequence */
function protobuf(random, sequence) {
  const number = Buffer.alloc(8);
  /** @param {number} field @param {number} value */
  const integer = (field, value) => [field << 3, ...varint(value)];
  /** @param {number} field @param {number} value */
  const double = (field, value) => {
    number.writeDoubleLE(value);
    return [(field << 3) | 1, ...number];
  };
  /** @param {number} field @param {number[]} bytes */
  const nested = (field, bytes) => [(field << 3) | 2, ...varint(bytes.length), ...bytes];
  const readings = Array.from({ length: 3 + random(6) }, (_, index) =>
    nested(5, [...integer(1, index), ...double(2, 20 + random(1000) / 100), ...integer(3, random(4))]),
  );
  return Buffer.from([
    ...integer(1, START + sequence * 1000 + random(1000)),
    ...nested(2, [...Buffer.from(`device-${1000 + random(40)}`)]),
    ...nested(3, [...Buffer.from(CITIES[random(8)])]),
    ...integer(4, sequence),
    ...readings.flat(),
  ]);
}

/** @param {number} [count] Messages of each kind. @returns {Record<string, Buffer[]>} */
export function makeCorpora(count = 400) {
  /** @type {Record<string, (random: (below: number) => number) => (sequence: number) => Buffer>} */
  const kinds = {
    'JSON events': (random) => (sequence) => jsonEvent(random, sequence),
    chat: (random) => (sequence) => chatMessage(random, sequence),
    'market data': makeMarket,
    GraphQL: (random) => (sequence) => graphqlAnswer(random, sequence),
    Yjs: makeYjs,
    protobuf: (random) => (sequence) => protobuf(random, sequence),
  };
  return Object.fromEntries(
    Object.entries(kinds).map(([name, make], seed) => {
      const next = make(makeRandom(seed + 1));
      return [name, Array.from({ length: count }, (_, sequence) => next(sequence))];
    }),
  );
}
