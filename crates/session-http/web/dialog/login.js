// The login over the page. The page behind it stays as it is.

/** @import { SessionClient } from '../session.js' */
/** @import { DialogOptions, DialogTexts } from '../dialog.js' */
import { element } from './element.js';

/**
 * @param {SessionClient} client
 * @param {Element} parent
 * @param {DialogTexts} texts
 * @param {DialogOptions['link']} link
 */
export const loginOf = (client, parent, texts, link) => {
  const username = element('input', { name: 'username', autocomplete: 'username', required: true, autocapitalize: 'none' });
  const password = element('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const problem = element('p', { role: 'alert' });
  const submit = element('button', { type: 'submit' }, texts.logIn);
  const later = element('button', { type: 'button', onclick: () => dismiss() }, texts.later);
  const title = element('h2', { id: 'session-dialog-title' }, texts.title);
  const explain = element('p', { id: 'session-dialog-explain' }, texts.explain);
  const form = element(
    'form',
    { onsubmit: (/** @type {Event} */ event) => void logIn(event) },
    element('label', {}, texts.username, username),
    element('label', {}, texts.password, password),
    problem,
    submit,
    ' ',
    later,
  );
  // The page's own drafts have no business with it.
  form.dataset.noDraft = '';
  const dialog = element('dialog', { className: 'session-dialog' }, title, explain, form);
  dialog.setAttribute('aria-labelledby', title.id);
  dialog.setAttribute('aria-describedby', explain.id);
  // Escape is "not now": the page can be read and copied from, and a bar leads back.
  dialog.oncancel = (event) => {
    event.preventDefault();
    dismiss();
  };
  if (link) dialog.append(element('p', {}, element('a', link.href ? { href: link.href } : {}, link.text)));

  const again = element('button', { type: 'button', onclick: () => show() }, texts.logIn);
  const bar = element('div', { className: 'session-bar', role: 'status', hidden: true }, texts.loggedOut, ' ', again);
  parent.append(dialog, bar);

  const show = () => {
    bar.hidden = true;
    problem.textContent = '';
    username.value ||= client.session?.subject ?? '';
    if (!dialog.open) dialog.showModal();
    (username.value ? password : username).focus();
  };

  const dismiss = () => {
    dialog.close();
    bar.hidden = false;
  };

  const close = () => {
    password.value = '';
    dialog.close();
    bar.hidden = true;
  };

  /** @param {Event} event */
  const logIn = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    problem.textContent = '';
    try {
      await client.reauthenticate({ username: username.value, password: password.value });
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error);
      problem.textContent = code === 'invalid_credentials' ? texts.wrong : texts.unreachable;
      password.select();
    } finally {
      submit.disabled = false;
    }
  };

  return {
    /** Once for each time: who has dismissed it is not asked again. */
    open() {
      if (dialog.open || !bar.hidden) return;
      // Says that it is being asked for. Nobody waits for the answer here: the state tells.
      client.reauthenticate().catch(() => {});
      show();
    },
    close,
    /** The page shows one person's data, and another is logged in: only a new page helps. */
    mismatch() {
      close();
      const reload = element('button', { type: 'button', onclick: () => location.reload() }, texts.reload);
      bar.replaceChildren(texts.mismatch, ' ', reload);
      bar.hidden = false;
    },
    remove() {
      dialog.remove();
      bar.remove();
    },
  };
};
