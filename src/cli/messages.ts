// Messages as text: binary ones in hex or base64, and all as JSON lines.

import { Buffer } from 'node:buffer';
import type { RawData } from '../api/ws/types.ts';
import { UsageError } from './exit.ts';
import { replaceUnsafe } from './terminal.ts';

/** A message: a string for text, a Buffer for binary. */
export type Message = string | Buffer;

/** How binary messages are written in text. */
export const ENCODINGS = ['hex', 'base64'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The message of a 'message' event. */
export function messageOf(data: RawData, isBinary: boolean): Message {
  return isBinary ? (data as Buffer) : (data as Buffer).toString();
}

/** Bytes that a person has written. Spaces are allowed. @throws {UsageError} */
export function decodeBinary(text: string, encoding: Encoding): Buffer {
  const dense = text.replaceAll(/\s/g, '');
  const isValid =
    encoding === 'hex' ? /^(?:[\da-f]{2})*$/i.test(dense) : /^[\w+/-]*={0,2}$/.test(dense) && dense.length % 4 !== 1;
  if (!isValid) throw new UsageError(`Not ${encoding}: ${JSON.stringify(text)}`);
  return Buffer.from(dense, encoding);
}

/** JSON in one line, without characters that could steer a terminal: JSON leaves some of them as they are, in strings alone. */
export function jsonLine(value: object): string {
  return replaceUnsafe(JSON.stringify(value), (code) => `\\u${code.toString(16).padStart(4, '0')}`);
}

/** The payload of a message in JSON: `{ text }` or `{ base64 }`. */
export function payloadFields(message: Message): { text: string } | { base64: string } {
  return typeof message === 'string' ? { text: message } : { base64: message.toString('base64') };
}

/** The message of an object with `text` or `base64`; undefined if it has neither. */
export function messageFrom(fields: Readonly<Record<string, unknown>>): Message | undefined {
  if (typeof fields['text'] === 'string') return fields['text'];
  return typeof fields['base64'] === 'string' ? decodeBinary(fields['base64'], 'base64') : undefined;
}
