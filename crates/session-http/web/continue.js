// The page of `GET /auth/continue`: refreshes by a same-origin request, and goes on to where the person wanted to be.
// The service has checked the target and rendered it as a link, which is all that this reads: never the page's own address.

import { createSessionClient } from './session.js';

/** Whoever is sent back here this soon is not helped by being sent on once more. Milliseconds. */
const TOO_SOON = 10_000;

const target = /** @type {HTMLAnchorElement} */ (document.querySelector('#continue'));
const status = document.querySelector('#status');
const session = createSessionClient();

const say = (/** @type {string} */ text) => {
  if (status) status.textContent = text;
};

let gone = false;

const go = () => {
  if (gone) return;
  const login = /** @type {HTMLAnchorElement | null} */ (document.querySelector('#login'));
  if (session.state === 'active' || session.state === 'expiring') {
    if (isLoop()) say('Your session is fresh, but the page sends you back here. Please tell its operator.');
    else location.replace(target.href);
    gone = true;
  } else if (session.state === 'expired' || session.state === 'signedOut') {
    if (login) location.replace(login.href);
    else say('You are logged out. Please log in again.');
  } else say('The service cannot be reached. It is tried again by itself.');
};

/** Asked once: remembers when this page last went on to the same target. */
const isLoop = () => {
  const key = `session-continue ${target.href}`;
  try {
    const before = Number(sessionStorage.getItem(key));
    sessionStorage.setItem(key, String(Date.now()));
    return Date.now() - before < TOO_SOON;
  } catch {
    // No storage: the browser itself stops endless redirections of a page.
    return false;
  }
};

say('One moment.');
// A probe is enough where another tab has refreshed already; a cached session is not: the gateway has refused its token.
await session.start();
session.onStateChange(go);
if (session.network !== 'online') {
  say('The service cannot be reached. It is tried again by itself.');
  session.addEventListener('tokenrefreshed', go, { once: true });
} else go();
