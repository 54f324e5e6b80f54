// Buttons that make trouble: a bad network, a session that is ended, a note that another device has changed.

import { element, tell } from './page.js';

const NETWORKS = {
  good: 'Every request arrives.',
  lossy: 'Of ten requests three are lost, or their answers are.',
  offline: 'Nothing arrives. Write on: it is saved on this device.',
  outage: 'The service answers 503. Nobody is logged out by that.',
};

/**
 * @param {import('/session.js').SessionClient} session
 * @param {ReturnType<typeof import('./simulated-network.js').simulatedNetwork>} network
 */
export const showTrouble = (session, network) => {
  const form = element('trouble');

  const renderLosses = () => {
    const { sent, lost } = network.counts;
    const count = lost ? ` So far ${lost} of ${sent}.` : '';
    element('losses').textContent = NETWORKS[form.elements.network.value] + count;
  };

  form.addEventListener('change', () => {
    network.become(form.elements.network.value);
    renderLosses();
  });
  network.counted.addEventListener('count', renderLosses);

  element('end-here').addEventListener('click', async () => {
    const { id } = session.session;
    const { ok } = await session.fetch(`/auth/sessions/${id}`, { method: 'DELETE' });
    if (ok) await session.refresh({ force: true });
  });

  element('write-elsewhere').addEventListener('click', async () => {
    tell('trouble-text', await writeElsewhere().catch((error) => `It did not work: ${error.message}`));
  });
};

/** What another device of this person would do. It has a network of its own, so this is the page's real `fetch`. */
const writeElsewhere = async () => {
  const { drafts } = await ask('/auth/drafts');
  const found = drafts.find(({ key }) => key.startsWith('note'));
  if (!found) return 'Write something first, and wait until it is saved.';
  const path = `/auth/drafts/${found.key}`;
  const { value, etag } = await ask(path);
  await ask(path, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', 'If-Match': `"${etag}"` },
    body: JSON.stringify({ ...value, text: `${value.text}\nWritten on another device.`.trim() }),
  });
  return 'Done. Now change the note here.';
};

const ask = async (path, init) => {
  const response = await fetch(path, init);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
};
