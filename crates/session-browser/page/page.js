// The page that the cases open: the client, with a clock that stands still, everything it says, and a form that saves itself.

import { createSessionClient } from '/session.js';
import { withDrafts } from '/drafts.js';
import { standingClock } from './clock.js';

/** What the case wants: `skew` in milliseconds, `storage: false`, `drafts` and `client` options. */
const settings = JSON.parse(new URL(location.href).searchParams.get('settings'));

if (settings.storage === false) {
  // As where a person forbids a site to store anything.
  Object.defineProperty(globalThis, 'indexedDB', {
    get() {
      throw new DOMException('storage is forbidden', 'SecurityError');
    },
  });
}

let inFlight = 0;
/** What was asked for, in its order: a request that no proxy sees is one too. */
const asked = [];
const realFetch = globalThis.fetch;
globalThis.fetch = async (...request) => {
  inFlight++;
  asked.push(new URL(request[0].url ?? request[0], location.href).pathname);
  try {
    return await realFetch(...request);
  } finally {
    inFlight--;
  }
};

const clock = standingClock(Date.now() + (settings.skew ?? 0), () => !inFlight && !session.isRefreshing);
const client = createSessionClient({ clock, ...settings.client });
const session = settings.drafts ? withDrafts(client, settings.drafts) : client;

/** All events, in their order. */
const events = [];
const EVENTS = [
  ...['statechange', 'tokenrefreshed', 'refresherror', 'sessionexpiring', 'sessionexpired', 'reauthrequired', 'reauthenticated'],
  ...['usermismatch', 'signedout', 'networkchange', 'draftsaved', 'draftconflict', 'drafterror', 'draftsunsynced'],
];
for (const type of EVENTS) {
  session.addEventListener(type, ({ detail }) => {
    const { error } = detail ?? {};
    events.push({ type, at: clock.now(), ...detail, ...(error && { error: `${error.code ?? error}`, status: error.status }) });
  });
}

Object.assign(window, { session, clock, events, asked });
/** Resolves when the client knows who is logged in, as far as it can. */
window.started = session.start().then(async () => {
  if (!settings.drafts) return;
  window.draft = session.draft('order');
  draft.bind(document.querySelector('#form'));
  await draft.ready;
});
