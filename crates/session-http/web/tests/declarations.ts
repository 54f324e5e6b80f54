// Only the compiler reads this: what is declared for users is what the modules are.

import * as dialog from '../dialog.js';
import * as drafts from '../drafts.js';
import * as session from '../session.js';
import { createSessionClient } from '../session/client.js';
import { SessionError, SessionExpiredError } from '../session/errors.js';

export const entry: typeof session = { createSessionClient, SessionError, SessionExpiredError };

/** As a page uses it. */
export const use = async (form: HTMLFormElement): Promise<string> => {
  const client = drafts.withDrafts(session.createSessionClient({ activity: 'input', retry: { base: 500 } }));
  client.addEventListener('sessionexpiring', ({ detail: { kind, canExtend } }) => console.log(kind satisfies 'idle' | 'absolute', canExtend));
  client.addEventListener('click', () => {});
  dialog.installDialog(client, { texts: { title: 'Log in' } })();
  client.onStateChange((state) => console.log(state satisfies session.SessionState))();
  client.draft('order', { version: 2 }).bind(form)();
  // @ts-expect-error a misspelt option is told
  session.createSessionClient({ refreshMargins: 1 });
  // @ts-expect-error without drafts.js there are none
  session.createSessionClient().draft('order');
  const { status } = await client.refresh({ force: true });
  return status satisfies 'refreshed' | 'current' | 'failed' | 'ended';
};
