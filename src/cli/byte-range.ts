// Requests for a part of a file, RFC 9110 sections 13 and 14.

/** A part of a file: its first and last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` field. Sections 14.1.2 and 14.2.
 *
 * @returns Undefined for the whole file: without a field, and for one that is not valid, has another unit, or asks for several parts, which a server
 *   may ignore. `'unsatisfiable'` if the file has no such part.
 */
export function readRange(field: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(field ?? '') ?? [];
  if (first === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const start = Math.max(0, size - Number(last));
    return start < size ? { start, end: size - 1 } : 'unsatisfiable';
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

/** Whether an `If-None-Match` field names the entity tag: then the client has the file. Section 13.1.2. */
export function hasCurrent(field: string | undefined, tag: string): boolean {
  const tags = (field ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}
