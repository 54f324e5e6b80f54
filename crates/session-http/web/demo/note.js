// The note: a form that saves itself, says where it is saved, and shows both versions when two devices have written.

import { announce, element, make, show } from './page.js';

const STATUSES = {
  clean: 'Nothing written yet',
  local: 'Saved on this device',
  saving: 'Saving…',
  saved: 'Saved',
  conflict: 'Two versions: please choose',
  error: 'Saved on this device, sent later',
};

/** @param {import('/session.js').SessionClient & import('/drafts.js').WithDrafts} session */
export const showNote = (session) => {
  const form = element('note-form');
  const draft = session.draft('note', { version: 1 });
  // Fills the form when somebody logs in, follows it, and empties it when that person leaves.
  draft.bind(form);

  /** What was typed last has reached the device. */
  let onDevice = true;
  let theirs;

  const render = () => {
    const { status } = draft;
    const line = element('saved');
    line.dataset.status = status;
    line.textContent = status === 'local' && !onDevice ? 'Writing…' : STATUSES[status];
    show('conflict', status === 'conflict');
    if (status !== 'conflict') return;
    showVersion('mine', draft.get());
    showVersion('theirs', theirs);
  };

  const resolve = async (choice) => {
    await draft.resolve(choice);
    render();
    element('note-first').focus();
  };

  const keepBoth = () => {
    const mine = draft.get();
    return resolve({ ...mine, text: `${mine.text}\n\n— From the other device —\n\n${theirs.text}` });
  };

  const discard = async () => {
    form.reset();
    await draft.discard();
    render();
    element('note-first').focus();
  };

  form.addEventListener('input', () => {
    onDevice = false;
    render();
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  session.addEventListener('draftsaved', ({ detail }) => {
    if (detail.where === 'device') onDevice = true;
    render();
  });
  session.addEventListener('draftconflict', ({ detail }) => {
    ({ theirs } = detail);
    render();
    announce('Another device has changed this note. Both versions are kept: choose one below the text.');
  });
  session.addEventListener('drafterror', render);
  session.onStateChange(async () => {
    await draft.ready;
    render();
  });
  element('keep-mine').addEventListener('click', () => resolve('mine'));
  element('take-theirs').addEventListener('click', () => resolve('theirs'));
  element('keep-both').addEventListener('click', keepBoth);
  element('discard').addEventListener('click', discard);
};

/** @param {string} id @param {{ title?: string, text?: string } | undefined} version */
const showVersion = (id, { title, text } = {}) => {
  element(id).replaceChildren(
    make('b', { textContent: title || 'Without a title' }),
    make('p', { textContent: text || 'Without a text' }),
  );
};
