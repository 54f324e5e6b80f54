// The client's events, newest first: what an application can listen to.

import { element, make } from './page.js';
import { timeOfDay } from './time.js';

const KEPT = 12;

/** What of an event's `detail` is worth a line. */
const EVENTS = {
  statechange: ({ previous, state }) => `${previous} → ${state}`,
  tokenrefreshed: ({ session, source, by }) => `generation ${session.generation}, by ${(source ?? by) === 'other-tab' ? 'another tab' : 'this tab'}`,
  refresherror: ({ error, attempt }) => `${error.code}, attempt ${attempt}`,
  sessionexpiring: ({ kind, canExtend }) => `${kind}${canExtend ? ', can be extended' : ''}`,
  sessionexpired: ({ reason }) => reason,
  reauthrequired: ({ subject }) => `for ${subject}`,
  reauthenticated: ({ session }) => session.subject,
  usermismatch: ({ previous, subject }) => `${subject} instead of ${previous}`,
  signedout: ({ source }) => source,
  networkchange: ({ network }) => network,
  draftsaved: ({ where }) => `on the ${where}`,
  draftconflict: () => 'two versions',
  drafterror: ({ error }) => error?.code ?? String(error),
  draftsunsynced: ({ ids }) => ids.join(', '),
};

/** @param {import('/session.js').SessionClient} session */
export const showEvents = (session) => {
  const list = element('events');
  for (const [type, describe] of Object.entries(EVENTS)) {
    session.addEventListener(type, ({ detail }) => {
      const text = make('span', { textContent: describe(detail) });
      list.prepend(make('li', {}, [make('time', { textContent: timeOfDay() }), make('code', { textContent: type }), text]));
      list.children[KEPT]?.remove();
    });
  }
};
