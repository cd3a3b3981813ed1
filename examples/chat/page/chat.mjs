// The chat: messages, people, and the two forms. Other people's words reach the page as text only, never as markup.

import { element } from './figures.mjs';

const MAX_ENTRIES = 300;
const TONES = 6;
/** Messages of one person within this many milliseconds stand together. */
const TOGETHER = 120_000;

const log = element('log');
/** Whether the reader is at the end of the log, and wants to stay there. */
let isFollowing = true;
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class Chat {
  #send;
  /** Our own id, 0 before we have joined. */
  #me = 0;
  /** The name we want to come back with after a loss. */
  #name = sessionStorage.getItem('name') ?? '';
  #epoch = 0;
  #lastId = 0;
  /** @type {{from: number, time: number} | undefined} */
  #previous;

  /** @param {(message: object) => boolean} send */
  constructor(send) {
    this.#send = send;
    followEnd();
    const name = /** @type {HTMLInputElement} */ (element('name'));
    const text = /** @type {HTMLInputElement} */ (element('text'));
    name.value = this.#name || suggestName();
    element('join').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#name = name.value;
      this.#ask({ type: 'join', name: name.value });
    });
    element('say').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#ask({ type: 'say', text: text.value })) text.value = '';
      text.focus();
    });
  }

  /** After a loss the user has to join again, with a new id of the server. */
  disconnected() {
    this.#me = 0;
    showButtons(false);
    this.#showPeople([]);
    element('no-people').hidden = true;
  }

  /** @param {any} message From our server, as JSON. */
  receive(message) {
    if (message.type === 'welcome') this.#welcome(message);
    else if (message.type === 'joined') this.#joined(message);
    else if (message.type === 'people') this.#showPeople(message.people);
    else if (message.type === 'message') this.#showMessage(message);
    else if (message.type === 'notice') this.#showNotice(message.text);
    else if (message.type === 'error') element('problem').textContent = message.text;
  }

  /** @param {{epoch: number, history: any[], people: any[]}} welcome */
  #welcome({ epoch, history, people }) {
    if (epoch !== this.#epoch) {
      for (const entry of log.querySelectorAll('.entry, .notice')) entry.remove();
      this.#epoch = epoch;
      this.#lastId = 0;
      this.#previous = undefined;
    }
    showButtons(true);
    this.#showPeople(people);
    // History is not news: screen readers need not read it all out.
    log.ariaLive = 'off';
    for (const message of history) if (message.id > this.#lastId) this.#showMessage(message);
    setTimeout(() => (log.ariaLive = 'polite'), 500);
    if (sessionStorage.getItem('name') !== null) this.#ask({ type: 'join', name: this.#name });
  }

  /** @param {{id: number, name: string}} joined */
  #joined({ id, name }) {
    const isFirst = sessionStorage.getItem('name') === null;
    this.#me = id;
    sessionStorage.setItem('name', this.#name);
    element('my-name').textContent = name;
    element('join').hidden = true;
    element('say').hidden = false;
    if (isFirst) element('text').focus();
  }

  /** @param {object} message @returns {boolean} Whether it was sent. */
  #ask(message) {
    const isSent = this.#send(message);
    element('problem').textContent = isSent ? '' : 'Not sent: there is no connection at the moment.';
    return isSent;
  }

  /** @param {{id: number, name: string}[]} people */
  #showPeople(people) {
    element('people-count').textContent = people.length === 0 ? '' : String(people.length);
    element('no-people').hidden = people.length > 0;
    const items = people.map(({ id, name }) => {
      const spot = create('span', 'spot');
      spot.dataset.tone = tone(name);
      const item = create('li', id === this.#me ? 'me' : '');
      item.append(spot, name, id === this.#me ? create('span', 'mine', 'you') : '');
      return item;
    });
    element('people').replaceChildren(...items);
  }

  /** @param {{id: number, from: number, name: string, text: string, time: number}} message */
  #showMessage({ id, from, name, text, time }) {
    const follows = this.#previous?.from === from && time - this.#previous.time < TOGETHER;
    this.#previous = { from, time };
    this.#lastId = id;
    const badge = create('span', 'badge', Array.from(name)[0].toUpperCase());
    badge.ariaHidden = 'true';
    badge.dataset.tone = tone(name);
    const author = create('strong', '', name);
    author.dataset.tone = badge.dataset.tone;
    const moment = document.createElement('time');
    moment.dateTime = new Date(time).toISOString();
    moment.textContent = clock.format(time);
    const who = create('p', 'who');
    who.append(author, from === this.#me ? create('span', 'mine', 'you') : '', moment);
    const entry = create('div', follows ? 'entry follows' : 'entry');
    entry.append(badge, who, create('p', 'words', text));
    append(entry);
  }

  /** @param {string} text */
  #showNotice(text) {
    this.#previous = undefined;
    append(create('p', 'notice', text));
  }
}

/** Adds to the log, and follows it unless the reader has scrolled up. @param {HTMLElement} entry */
function append(entry) {
  element('empty').hidden = true;
  log.append(entry);
  const entries = log.querySelectorAll('.entry, .notice');
  if (entries.length > MAX_ENTRIES) entries[0].remove();
  if (isFollowing) log.scrollTop = log.scrollHeight;
}

/** Also when the log changes its size: a phone's keyboard opens, a window is turned. */
function followEnd() {
  log.addEventListener('scroll', () => {
    isFollowing = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  });
  new ResizeObserver(() => {
    if (isFollowing) log.scrollTop = log.scrollHeight;
  }).observe(log);
}

/** @param {boolean} isOpen */
function showButtons(isOpen) {
  for (const button of document.querySelectorAll('form button')) /** @type {HTMLButtonElement} */ (button).disabled = !isOpen;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
function create(tag, className, text = '') {
  const node = document.createElement(tag);
  if (className !== '') node.className = className;
  node.textContent = text;
  return node;
}

/** @param {string} name @returns {string} The same colour for a name in every tab. */
function tone(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + /** @type {number} */ (character.codePointAt(0))) % 9973;
  return String(sum % TONES);
}

function suggestName() {
  const names = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Dennis', 'Frances', 'Ken', 'Hedy', 'Claude'];
  return names[Math.floor(Math.random() * names.length)];
}
