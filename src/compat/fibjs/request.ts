// Adds the members of fibjs's HttpRequest to requests of the runtime.

import type { IncomingMessage } from 'node:http';
import { pathOf } from '../shared/upgrades.ts';

/** Members that are added to the request for `accept`. */
export interface RequestMembers {
  /** Path of the request, without the query. */
  readonly address: string;
  /** The first value of a field; undefined without one. The case of `name` does not matter here and below. */
  firstHeader(name: string): string | undefined;
  /** All values of a field, in order. In a fetch handler the runtime has joined them to one value. */
  allHeader(name: string): string[];
  hasHeader(name: string): boolean;
}

/** Whether a request is one of a fetch handler. */
export function isFetchRequest(request: IncomingMessage | Request): request is Request {
  return typeof (request.headers as Partial<Headers>).get === 'function';
}

/** Makes a function that returns the values of a field. Copies those of a fetch request, because Deno drops them at the upgrade. */
function fieldReader(request: IncomingMessage | Request): (name: string) => string[] {
  if (isFetchRequest(request)) {
    const headers = new Headers(request.headers);
    return (name) => [headers.get(name) ?? []].flat();
  }
  const { rawHeaders } = request;
  return (name) => rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === name.toLowerCase());
}

/** Adds the members to `request` itself. Call it before the upgrade. */
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
