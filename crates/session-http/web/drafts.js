// The entry of drafts. What it offers is in `drafts.d.ts`; one draft is in `drafts/draft.js`.

/** @import { DraftOptions } from './drafts.js' */
/** @import { DraftInside } from './drafts/draft.js' */
import { draftOf } from './drafts/draft.js';
import { localCopiesOf } from './drafts/local-copies.js';
import { isHidden } from './session/wake-up.js';

/** Of the 64 KiB that browsers let a page send while it is being left, this much is for drafts. */
const KEEPALIVE_BUDGET = 48 * 1024;

/** @type {typeof import('./drafts.js').withDrafts} */
export const withDrafts = (client, options = {}) => {
  const { context, beforeSignOut, disposed: signal } = client.internals;
  const { page } = context;
  const copies = localCopiesOf(context);
  const budget = { left: options.keepaliveBudget ?? KEEPALIVE_BUDGET };
  /** @type {Map<string, DraftInside>} */
  const drafts = new Map();
  const each = (/** @type {(draft: DraftInside) => unknown} */ work) => Promise.all([...drafts.values()].map(work));
  const enter = () => void each((draft) => draft.enter());
  const leave = () => void each((draft) => draft.leave());

  // An explicit sign-out takes the copies off this device. What the service has not got would be lost with them.
  beforeSignOut.add(async () => {
    const { session } = client;
    if (!session) return true;
    await each((draft) => draft.flush());
    const ids = (await copies.list(session.subject).catch(() => [])).filter(({ dirty }) => dirty).map(({ id }) => id);
    const question = new CustomEvent('draftsunsynced', { detail: { ids }, cancelable: true });
    if (ids.length && !client.dispatchEvent(question)) return false;
    leave();
    await copies.wipe(session.subject).catch(() => {});
    return true;
  });

  // Whoever comes next must not see them, in any tab.
  client.addEventListener('signedout', leave);
  client.addEventListener('usermismatch', () => each((draft) => draft.saveLocally()).then(leave).then(enter));
  client.addEventListener('statechange', () => client.session && enter());
  signal.addEventListener('abort', leave);

  // The last moments at which a page is sure to run. Either may never come.
  const hurry = () =>
    // What the device may never get is not told the service: this person would meet it as somebody else's.
    void each((draft) => draft.saveLocally(true) ?? draft.saveAtService(true));
  page.addEventListener('pagehide', hurry, { signal });
  page.addEventListener('visibilitychange', () => (isHidden(context) ? hurry() : enter()), { signal, capture: true });

  return Object.assign(client, {
    draft(/** @type {string} */ id, /** @type {DraftOptions} */ { version = 1 } = {}) {
      const key = `${id}:${version}`;
      const draft = drafts.get(key) ?? draftOf(client, copies, { id, key, budget, options });
      drafts.set(key, draft);
      return draft;
    },
  });
};
