// The grammar of HTTP fields: tokens, quoted strings and comma lists, RFC 9110 section 5.6; hosts, RFC 3986 section 3.2.
// Tables and one pass from left to right: no input makes it slower than its length.

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const TOKEN_CODES = tableOf(`${LETTERS_AND_DIGITS}!#$%&'*+-.^_\`|~`);
const HOST_CODES = tableOf(`${LETTERS_AND_DIGITS}-._~!$&'()*+,;=%:[]`);

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(128);
  for (let at = 0; at < characters.length; at++) table[characters.charCodeAt(at)] = 1;
  return table;
}

function consistsOf(text: string, table: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) if (table[text.charCodeAt(at)] !== 1) return false;
  return true;
}

/** Whether the UTF-16 code may stand in a token (RFC 9110 section 5.6.2). */
export function isTokenCode(code: number): boolean {
  return TOKEN_CODES[code] === 1;
}

/** Whether `text` is a token: one or more of the characters of RFC 9110 section 5.6.2. */
export function isToken(text: string): boolean {
  return text.length > 0 && consistsOf(text, TOKEN_CODES);
}

/** Whether the UTF-16 code may stand in a field's value (RFC 9110 section 5.5): tab, visible ASCII, space, Latin-1's upper half. */
export function isFieldValueCode(code: number): boolean {
  return code === TAB || (code >= SPACE && code <= 0xff && code !== DELETE);
}

/**
 * Whether `text` can be written as a field's value (RFC 9110 section 5.5).
 *
 * Codes above 0xFF are refused: a writer that cuts them to one byte would make CR or LF of some.
 */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isFieldValueCode(text.charCodeAt(at))) return false;
  return true;
}

/** Whether `text` can be a Host field's value: a host and perhaps a port (RFC 9110 section 7.2), or nothing. */
export function isHost(text: string): boolean {
  return consistsOf(text, HOST_CODES);
}

/** Whether `text` can be a request's target: visible ASCII without a fragment (RFC 9112 section 3.2). */
export function isRequestTarget(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code >= DELETE || code === 0x23) return false;
  }
  return text.length > 0;
}

function isWhitespace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** `text` without the optional whitespace (spaces, tabs) around it (RFC 9110 section 5.6.3). */
export function trimWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

// Not String.toLowerCase: it makes a `k` of the Kelvin sign.
function lowerCaseCode(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/** Whether both are the same but for the case of ASCII letters. */
export function equalsIgnoringCase(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++)
    if (lowerCaseCode(left.charCodeAt(at)) !== lowerCaseCode(right.charCodeAt(at))) return false;
  return true;
}

/** The elements of a comma list (RFC 9110 section 5.6.1), trimmed, empty ones dropped. Commas in quoted strings do not count. */
export function splitList(value: string): string[] {
  const elements: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at <= value.length; at++) {
    const code = at === value.length ? COMMA : value.charCodeAt(at);
    if (isQuoted && at < value.length) {
      if (code === BACKSLASH) at = Math.min(at + 1, value.length - 1);
      else if (code === QUOTE) isQuoted = false;
    } else if (code === QUOTE) {
      isQuoted = true;
    } else if (code === COMMA) {
      const element = trimWhitespace(value.slice(start, at));
      if (element !== '') elements.push(element);
      start = at + 1;
    }
  }
  return elements;
}

/** Whether a comma list has the element `token`, whatever its case. */
export function listContains(value: string, token: string): boolean {
  return equalsIgnoringCase(value, token) || splitList(value).some((element) => equalsIgnoringCase(element, token));
}

/** Reads a field's value from left to right. A character that does not fit the grammar is a SyntaxError that names its index. */
export class FieldReader {
  readonly #text: string;
  #at: number = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Passes spaces and tabs. @returns Whether there were any. */
  skipWhitespace(): boolean {
    const start = this.#at;
    while (isWhitespace(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#at > start;
  }

  /** Passes `character` if it is next. @returns Whether it was. */
  skip(character: string): boolean {
    if (this.isAtEnd || this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Reads one token. @throws {SyntaxError} when none is next. */
  readToken(): string {
    const start = this.#at;
    while (isTokenCode(this.#text.charCodeAt(this.#at))) this.#at++;
    if (this.#at === start) throw this.unexpected();
    return this.#text.slice(start, this.#at);
  }

  /**
   * Reads a token, or a quoted string whose content is one, as the values of extension parameters must be
   * (RFC 6455 section 9.1).
   *
   * @throws {SyntaxError} when neither is next.
   */
  readTokenOrQuotedToken(): string {
    if (!this.skip('"')) return this.readToken();
    let value = '';
    while (value === '' || !this.skip('"')) {
      this.skip('\\');
      if (!isTokenCode(this.#text.charCodeAt(this.#at))) throw this.unexpected();
      value += this.#text[this.#at++];
    }
    return value;
  }

  /** The error for the next character. */
  unexpected(): SyntaxError {
    return new SyntaxError(this.isAtEnd ? 'Unexpected end of input' : `Unexpected character at index ${this.#at}`);
  }
}
