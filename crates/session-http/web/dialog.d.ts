import type { SessionClient } from './session.js';

/**
 * Shows a warning before the session ends, and a login over the page when it has ended. The page and what was written in it stay.
 *
 * ```js
 * const remove = installDialog(session, { texts: { title: 'Bitte neu anmelden' } });
 * ```
 * @returns a function that takes it away
 */
export function installDialog(client: SessionClient, options?: DialogOptions): () => void;

export interface DialogOptions {
  texts?: Partial<DialogTexts>;
  /** Where it is put. Default `document.body`. */
  parent?: Element;
  /** `false`: no warning before the end. Default `true`. */
  warn?: boolean;
  /** Shown as a link in the login, for example to a single sign-on or a forgotten password. */
  link?: { href: string; text: string };
}

export interface DialogTexts {
  title: string;
  /** `{user}` is replaced. */
  explain: string;
  username: string;
  password: string;
  logIn: string;
  later: string;
  wrong: string;
  unreachable: string;
  loggedOut: string;
  mismatch: string;
  reload: string;
  /** `{time}` is replaced, for example by 0:42. */
  warning: string;
  warningAbsolute: string;
  stay: string;
}
