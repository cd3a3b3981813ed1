// The page's script: joins the connection, the chat and the figures.

import { Chat } from './chat.mjs';
import { Connection } from './connection.mjs';
import { element, showFigures } from './figures.mjs';
import { startRoundTrips } from './round-trip.mjs';

const chat = new Chat((message) => connection.send(JSON.stringify(message)));
const connection = new Connection('/chat', {
  onConnecting: () => showState('connecting', 'Connecting…'),
  onOpen: () => {
    showState('open', 'Connected');
    roundTrips.retry();
  },
  onMessage: (data) => {
    const message = JSON.parse(data);
    if (message.type === 'figures') showFigures(message);
    else chat.receive(message);
  },
  onWaiting: (seconds, reason) => {
    chat.disconnected();
    showState('waiting', `${reason || 'Connection lost'}. Next try in ${seconds} s.`);
  },
});
element('retry').addEventListener('click', () => connection.retry());
const roundTrips = startRoundTrips();

/**
 * @param {'connecting' | 'open' | 'waiting'} state
 * @param {string} text
 */
function showState(state, text) {
  element('state').dataset.state = state;
  element('state-text').textContent = text;
  element('retry').hidden = state !== 'waiting';
  document.body.toggleAttribute('data-stale', state !== 'open');
}
