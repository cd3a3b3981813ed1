// The `extension` and `subprotocol` exports, in the shapes that ws gives them. Stricter than src/handshake, as ws is: no empty
// elements, no whitespace around '='.

import { FieldReader } from '../../handshake/grammar.ts';
import { parseSubprotocols } from '../../handshake/subprotocols.ts';

/** Values of a parameter in order; `true` for one that stands alone. */
export type Parameters = Record<string, (string | true)[]>;
/** By extension name, one element for each time it is offered. */
export type Offers = Record<string, Parameters[]>;

function push<Element>(lists: Record<string, Element[]>, name: string, value: Element): void {
  (lists[name] ??= []).push(value);
}

function readParameters(reader: FieldReader): Parameters {
  const parameters = Object.create(null) as Parameters;
  while (reader.skip(';')) {
    reader.skipWhitespace();
    const name = reader.readToken();
    push(parameters, name, reader.skip('=') ? reader.readTokenOrQuotedToken() : true);
    endElement(reader);
  }
  return parameters;
}

/** Passes whitespace, which must not be the last thing. */
function endElement(reader: FieldReader): void {
  if (reader.skipWhitespace() && reader.isAtEnd) throw reader.unexpected();
}

/** Parses a Sec-WebSocket-Extensions value (RFC 6455 section 9.1). @throws {SyntaxError} that names the index. */
function parseOffers(header: string): Offers {
  const reader = new FieldReader(header);
  const offers = Object.create(null) as Offers;
  do {
    if (Object.keys(offers).length > 0) reader.skipWhitespace();
    const name = reader.readToken();
    endElement(reader);
    push(offers, name, readParameters(reader));
  } while (reader.skip(','));
  if (!reader.isAtEnd) throw reader.unexpected();
  return offers;
}

type Value = string | number | boolean;

function listOf<Element>(value: Element | readonly Element[]): readonly Element[] {
  return Array.isArray(value) ? (value as readonly Element[]) : [value as Element];
}

/** Writes a Sec-WebSocket-Extensions value. */
function formatOffers(offers: Record<string, Record<string, Value | Value[]> | Record<string, Value | Value[]>[]>): string {
  const elements = Object.entries(offers).flatMap(([name, alternatives]) =>
    listOf<Record<string, Value | Value[]>>(alternatives).map((parameters) => {
      const parts = Object.entries(parameters).map(([key, values]) =>
        listOf<Value>(values)
          .map((value) => (value === true ? key : `${key}=${String(value)}`))
          .join('; '),
      );
      return [name, ...parts].join('; ');
    }),
  );
  return elements.join(', ');
}

export const extension: { readonly format: typeof formatOffers; readonly parse: typeof parseOffers } = {
  format: formatOffers,
  parse: parseOffers,
};

/** Parses a Sec-WebSocket-Protocol value. @throws {SyntaxError} that names the index, or the name that comes twice. */
function parseNames(header: string): Set<string> {
  return new Set(parseSubprotocols(header));
}

export const subprotocol: { readonly parse: typeof parseNames } = { parse: parseNames };
