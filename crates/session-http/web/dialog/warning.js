// The warning before the end. It is no modal dialog: whoever is writing goes on writing.

/** @import { SessionClient } from '../session.js' */
/** @import { DialogTexts } from '../dialog.js' */
import { element } from './element.js';

/**
 * @param {SessionClient} client
 * @param {Element} parent
 * @param {DialogTexts} texts
 */
export const warningOf = (client, parent, texts) => {
  const said = element('p', { role: 'alert' });
  const left = element('p', { ariaHidden: 'true' });
  const stay = element('button', { type: 'button', onclick: () => void client.extend() }, texts.stay);
  const bar = element('div', { className: 'session-bar', hidden: true }, said, left, stay);
  parent.append(bar);
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticking;

  const text = () => {
    const { ends_at = '', expires_at = '' } = client.session ?? {};
    const seconds = Math.max(0, Math.round((Date.parse(ends_at) - client.serverNow()) / 1_000));
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    stay.hidden = ends_at === expires_at;
    return (stay.hidden ? texts.warningAbsolute : texts.warning).replace('{time}', time);
  };

  return {
    open() {
      clearInterval(ticking);
      ticking = setInterval(() => (left.textContent = text()), 1_000);
      bar.hidden = false;
      // Read out once, and seen each second: to hear it each second would be torture.
      said.textContent = left.textContent = text();
    },
    close() {
      clearInterval(ticking);
      bar.hidden = true;
      said.textContent = '';
    },
    remove() {
      clearInterval(ticking);
      bar.remove();
    },
  };
};
