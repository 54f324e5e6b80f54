// The demo: a note that survives everything. This file wires the parts; each part is one idea.

import { createSessionClient } from '/session.js';
import { withDrafts } from '/drafts.js';
import { installDialog } from '/dialog.js';
import { element, show } from './page.js';
import { showDevices } from './devices.js';
import { showEvents } from './events.js';
import { showLogin } from './login.js';
import { showNote } from './note.js';
import { simulatedNetwork } from './simulated-network.js';
import { showStatus } from './status.js';
import { showTrouble } from './trouble.js';

const network = simulatedNetwork();
const session = withDrafts(
  createSessionClient({
    // For the buttons that make trouble. Without them an application needs no option at all.
    page: network.page,
    // Idle means that the person did nothing; so the warning can be seen. The default is that no page is open.
    activity: 'input',
  }),
);

// The warning before the end, and the login over the page after it.
installDialog(session);

showStatus(session);
showEvents(session);
showLogin(session);
showNote(session);
showDevices(session);
showTrouble(session, network);

element('sign-out').addEventListener('click', () => session.signOut());
element('sign-out-everywhere').addEventListener('click', () => session.signOut({ everywhere: true }));

/** Whoever was logged in and is not any more keeps the page, with all that is on it, under the login dialog. */
const chooseView = () => {
  const { state } = session;
  show('starting', state === 'initializing');
  show('login', state === 'signedOut');
  const inside = state !== 'initializing' && state !== 'signedOut';
  show('app', inside);
  show('account', inside);
};
session.onStateChange(chooseView);
chooseView();

await session.start();
