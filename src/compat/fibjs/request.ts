// What fibjs's HttpRequest has and the runtime's requests have not.

import type { IncomingMessage } from 'node:http';
import { pathOf } from '../shared/upgrades.ts';

/** Added to the request that `accept` gets. */
export interface RequestMembers {
  /** The path that is asked for, without its query. */
  readonly address: string;
  /** The first value of a field, whatever the case of `name`; undefined without one. */
  firstHeader(name: string): string | undefined;
  /** All values of a field, in order. In a fetch handler the runtime has joined them to one. */
  allHeader(name: string): string[];
  hasHeader(name: string): boolean;
}

/** Whether a request is that of a fetch handler. */
export function isFetchRequest(request: IncomingMessage | Request): request is Request {
  return typeof (request.headers as Partial<Headers>).get === 'function';
}

/** Asks for the values of a field. Of a fetch request they are copied: Deno forgets them with its upgrade. */
function fieldReader(request: IncomingMessage | Request): (name: string) => string[] {
  if (isFetchRequest(request)) {
    const headers = new Headers(request.headers);
    return (name) => [headers.get(name) ?? []].flat();
  }
  const { rawHeaders } = request;
  return (name) => rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === name.toLowerCase());
}

/** Adds the members to `request` itself, which stays what else it is. Before it is upgraded. */
export function withMembers<Message extends IncomingMessage | Request>(request: Message): Message & RequestMembers {
  const allHeader = fieldReader(request);
  const members: RequestMembers = {
    address: pathOf(request.url ?? ''),
    firstHeader: (name) => allHeader(name).at(0),
    allHeader,
    hasHeader: (name) => allHeader(name).length > 0,
  };
  for (const [name, value] of Object.entries(members)) Object.defineProperty(request, name, { value, configurable: true });
  return request as Message & RequestMembers;
}
