// The tests of rules.ts, for the W3C class of any runtime, a browser's own included. The server is wire.ts, elsewhere or here.

import { describe } from 'vitest';
import { describeClose, describeSend } from './commands.ts';
import { describeEnd, describeHandlers, describeMessages } from './events.ts';
import { describeInterface } from './interface.ts';
import { describeAttributes, describeConstructor, describeOpening } from './opening.ts';
import type { Place } from './place.ts';

/** Declares the tests. */
export function describeRules(place: Place): void {
  describe(`${place.name}`, () => {
    describeOpening(place);
    describeConstructor(place);
    describeAttributes(place);
    describeClose(place);
    describeSend(place);
    describeHandlers(place);
    describeMessages(place);
    describeEnd(place);
    describeInterface(place);
  });
}
