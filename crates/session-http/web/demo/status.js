// The session's state, the network's, and what is left of its three lives.

import { announce, element } from './page.js';
import { left } from './time.js';

const STATES = {
  initializing: ['One moment', 'Looking whether you are logged in.'],
  active: ['Logged in', 'Refreshed in silence, in step with your other tabs.'],
  expiring: ['Ends soon', 'The session ends soon. Anything you do keeps it, unless it has reached its longest life.'],
  unverified: ['Not confirmed', 'Its time is up, and the service cannot be asked. Write on: what you do waits here.'],
  expired: ['Session ended', 'The session is over. Your note is still here: log in, and go on.'],
  reauthenticating: ['Log in again', 'The session is over. Your note is still here: log in, and go on.'],
  signedOut: ['Logged out', ''],
};

const NETWORKS = {
  online: 'Online',
  degraded: 'The service does not answer as it should',
  offline: 'Offline',
};

/** @param {import('/session.js').SessionClient} session */
export const showStatus = (session) => {
  let nextRetryAt = 0;

  const render = () => {
    const [name, explanation] = STATES[session.state];
    const pill = element('state');
    pill.textContent = name;
    pill.dataset.state = session.state;
    element('explain').textContent = explanation;
    element('who').textContent = session.session?.subject ?? '';
    document.title = session.state === 'active' ? 'Note · session-http demo' : `${name} · session-http demo`;
    renderNetwork();
    renderCountdowns();
  };

  const renderNetwork = () => {
    const line = element('network');
    line.dataset.network = session.network;
    const wait = Math.ceil((nextRetryAt - Date.now()) / 1_000);
    const retry = session.network !== 'online' && wait > 0 ? `. Next try in ${wait} s` : '';
    line.textContent = NETWORKS[session.network] + retry;
    if (session.state === 'initializing' && session.network !== 'online') {
      element('starting-text').textContent = 'The service cannot be reached. It is tried again by itself.';
    }
  };

  const renderCountdowns = () => {
    const info = session.session;
    if (!info) return;
    const over = session.state === 'expired' || session.state === 'reauthenticating';
    countdown('access', info.last_used_at, over ? null : info.access_expires_at);
    countdown('idle', info.last_used_at, over ? null : info.idle_expires_at);
    countdown('absolute', info.created_at, over ? null : info.expires_at);
  };

  /** Counted by the service's clock: this device's may be wrong. */
  const countdown = (id, from, to) => {
    const end = Date.parse(to ?? '');
    const remaining = end - session.serverNow();
    element(`${id}-left`).textContent = end ? left(remaining) : '–';
    element(`${id}-bar`).value = end ? Math.min(1, Math.max(0, remaining / (end - Date.parse(from)))) : 0;
  };

  session.onStateChange((state, previous) => {
    render();
    if (previous !== 'initializing') announce(`${STATES[state][0]}. ${STATES[state][1]}`);
  });
  session.addEventListener('networkchange', ({ detail }) => {
    renderNetwork();
    announce(NETWORKS[detail.network]);
  });
  session.addEventListener('refresherror', ({ detail }) => {
    ({ nextRetryAt } = detail);
    renderNetwork();
  });
  session.addEventListener('tokenrefreshed', render);
  element('refresh').addEventListener('click', () => session.refresh({ force: true }));
  setInterval(() => {
    renderNetwork();
    renderCountdowns();
  }, 1_000);
  render();
};
