// The script of index.html. Another server than the default one: ?server=ws://127.0.0.1:9000/

import { WebSocket } from 'wasock/w3c';

const form = document.querySelector('form');
const button = document.querySelector('button');
const status = document.querySelector('[role=status]');
const list = document.querySelector('ol');

const server = new URLSearchParams(location.search).get('server') ?? 'ws://127.0.0.1:8080/';
const ws = new WebSocket(server);

ws.addEventListener('open', () => {
  status.textContent = 'Connected';
  button.disabled = false;
});

ws.addEventListener('message', ({ data }) => {
  const item = document.createElement('li');
  // Text, not HTML: whatever a server sends is shown, and does nothing.
  item.textContent = data;
  list.append(item);
});

ws.addEventListener('close', ({ code, wasClean }) => {
  status.textContent = `Closed: ${code}${wasClean ? '' : ', not in order'}`;
  button.disabled = true;
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  ws.send(new FormData(form).get('text'));
  form.reset();
});

addEventListener('pagehide', () => ws.close(1000));
