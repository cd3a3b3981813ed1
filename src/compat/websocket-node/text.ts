// Finds and removes characters that are not allowed.

/** The first character of `text` whose UTF-16 code is not allowed. */
export function firstIllegal(text: string, isAllowed: (code: number) => boolean): string | undefined {
  for (let at = 0; at < text.length; at++) if (!isAllowed(text.charCodeAt(at))) return text[at];
  return undefined;
}

/** `text` without the characters whose UTF-16 codes are not allowed. */
export function keepAllowed(text: string, isAllowed: (code: number) => boolean): string {
  let result = '';
  for (let at = 0; at < text.length; at++) if (isAllowed(text.charCodeAt(at))) result += text[at];
  return result;
}
