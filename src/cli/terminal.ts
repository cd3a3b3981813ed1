// Text for a terminal: colours, and text of a peer made harmless.

import process from 'node:process';

/** Characters that steer a terminal or change the order of text: controls, and those of bidirectional text. Lone surrogates too. */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- they are the ones to find
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Replaces the characters that could steer a terminal, by the result of `escape` for their code units. */
export function replaceUnsafe(text: string, escape: (code: number) => string): string {
  return text.replaceAll(UNSAFE, (character) => escape(character.charCodeAt(0)));
}

/**
 * Text of a peer for one line or more of a terminal: characters that could steer the terminal are written as `\x1b`. Line feeds and tabs stay.
 */
export function safeLines(text: string): string {
  return replaceUnsafe(text.replaceAll('\r\n', '\n'), (code) =>
    code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`,
  );
}

/** As {@link safeLines}, in one line. */
export function safeText(text: string): string {
  return safeLines(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** Styles by name: SGR parameters of ECMA-48. */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Style = keyof typeof STYLES;

/** Writes text in a style, or leaves it plain. */
export type Paint = (style: Style, text: string) => string;

/** Whether text on a stream may have colours: on a terminal, unless NO_COLOR is set (https://no-color.org). */
function hasColours(stream: { readonly isTTY?: boolean | undefined }): boolean {
  return stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

export function painter(stream: { readonly isTTY?: boolean | undefined }): Paint {
  return hasColours(stream) ? (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m` : (_style, text) => text;
}

/** A number with commas: `1,234,567`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Milliseconds with a fitting unit and three digits: `84.2 µs`, `3.10 ms`, `1.20 s`. */
export function showTime(milliseconds: number): string {
  const [value, unit] =
    milliseconds < 1 ? [milliseconds * 1000, 'µs'] : milliseconds < 1000 ? [milliseconds, 'ms'] : [milliseconds / 1000, 's'];
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** Bytes with a fitting unit: `512 B`, `16.0 KiB`. */
export function showSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
