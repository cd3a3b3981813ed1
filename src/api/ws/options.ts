// Options of the ws-style client and server. Names and defaults are those of ws 8.

import type { SessionOptions } from '../../protocol/session.ts';

/** What client and server share. */
export interface ConnectionSettings extends Pick<
  SessionOptions,
  'maxPayload' | 'maxFragments' | 'skipUtf8Validation' | 'autoPong' | 'closeTimeout' | 'maxBufferedAmount' | 'bufferPolicy'
> {
  /** Spelled as ws spells it; see `skipUtf8Validation`. Default false. */
  readonly skipUTF8Validation?: boolean | undefined;
}

/** Options of `new WebSocket()`. Whatever is not named here is passed on to the runtime's HTTP request (`ca`, `cert`, `agent`, …). */
export interface ClientOptions extends ConnectionSettings {
  /** Milliseconds that the opening handshake may take; 0 for no limit. Default: none, as in ws. */
  readonly handshakeTimeout?: number | undefined;
  /** `Origin` header; `Sec-WebSocket-Origin` with version 8. */
  readonly origin?: string | undefined;
  /** 8 or 13, the default. */
  readonly protocolVersion?: number | undefined;
  readonly headers?: Record<string, string | readonly string[] | number> | undefined;
  /** Follow redirects. Default false. */
  readonly followRedirects?: boolean | undefined;
  /** Default 10. */
  readonly maxRedirects?: number | undefined;
  readonly [option: string]: unknown;
}

/** The session options in ws-style settings. */
export function sessionSettings(settings: ConnectionSettings): Omit<SessionOptions, 'role'> {
  const { maxPayload, maxFragments, autoPong, closeTimeout, maxBufferedAmount, bufferPolicy } = settings;
  const given = { maxPayload, maxFragments, autoPong, closeTimeout, maxBufferedAmount, bufferPolicy };
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defined, skipUtf8Validation: settings.skipUtf8Validation ?? settings.skipUTF8Validation ?? false };
}
