// The page: a client for each server, which checks the numbers that it gets.

import { ReconnectingWebSocket } from 'wasock/reconnecting';
import { TopicClient, TOPICS_PROTOCOL } from 'wasock/topics/client';

const verdict = document.querySelector('#verdict');
const template = document.querySelector('template');
const panels = [];

function show() {
  const lost = panels.reduce((sum, { missing }) => sum + missing, 0);
  const twice = panels.reduce((sum, panel) => sum + panel.twice, 0);
  const text = lost + twice === 0 ? 'Nothing is missing, nothing came twice.' : `${lost} missing, ${twice} twice or late.`;
  if (verdict.textContent !== text) verdict.textContent = text;
  verdict.classList.toggle('bad', lost + twice > 0);
}

function open(port, index) {
  const article = template.content.firstElementChild.cloneNode(true);
  document.querySelector('#servers').append(article);
  const part = (selector) => article.querySelector(selector);
  const panel = { missing: 0, twice: 0, received: 0, returns: -1, last: undefined };
  panels.push(panel);
  part('h2').textContent = `Server ${index + 1}, port ${port}`;
  part('.text').textContent = 'Connecting';
  part('button').textContent = `Kill server ${index + 1}`;

  const ws = new ReconnectingWebSocket(`ws://${location.hostname}:${port}/`, {
    protocols: TOPICS_PROTOCOL,
    backoff: { initial: 200, maximum: 1_000 },
  });
  ws.addEventListener('open', () => {
    article.classList.remove('away');
    part('.text').textContent = 'Connected';
    part('button').disabled = false;
    panel.returns++;
  });
  ws.addEventListener('close', () => {
    article.classList.add('away');
    part('.text').textContent = 'Away: connects again';
    part('button').disabled = true;
  });

  const onMessage = ({ data }) => {
    const number = Number(data);
    if (panel.last !== undefined) {
      if (number > panel.last + 1) panel.missing += number - panel.last - 1;
      if (number <= panel.last) panel.twice++;
    }
    panel.last = number;
    panel.received++;
    part('.number').textContent = number;
    for (const name of ['received', 'missing', 'twice', 'returns']) part(`.${name}`).textContent = panel[name];
    show();
  };
  new TopicClient(ws).subscribe('count', onMessage, { onGap: () => panel.missing++ });
  part('button').addEventListener('click', () => fetch(`/kill/${index}`, { method: 'POST' }));
}

const servers = await (await fetch('/servers')).json();
servers.forEach(open);
