// The entry of the dialog: a login over the page when the session has ended, and a warning before. What it offers is in `dialog.d.ts`.

import { loginOf } from './dialog/login.js';
import { TEXTS } from './dialog/texts.js';
import { applyStyle } from './dialog/style.js';
import { warningOf } from './dialog/warning.js';

/** @type {typeof import('./dialog.js').installDialog} */
export const installDialog = (client, { texts, parent = document.body, warn = true, link } = {}) => {
  const words = { ...TEXTS, ...texts };
  const listening = new AbortController();
  const { signal } = listening;
  const removeStyle = applyStyle();
  const login = loginOf(client, parent, words, link);
  const warning = warningOf(client, parent, words);

  const isOut = () => client.state === 'expired' || client.state === 'reauthenticating';

  /** Also in the tabs where nobody has typed: what is open is what the state says. */
  const follow = () => {
    if (!isOut()) login.close();
    if (client.state === 'expiring' && warn) warning.open();
    else warning.close();
  };
  client.addEventListener('statechange', follow, { signal });
  client.addEventListener('sessionexpiring', follow, { signal });
  client.addEventListener('reauthrequired', login.open, { signal });
  client.addEventListener('usermismatch', login.mismatch, { signal });
  follow();
  if (isOut()) login.open();

  return () => {
    listening.abort();
    login.remove();
    warning.remove();
    removeStyle();
  };
};
