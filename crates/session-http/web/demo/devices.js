// The person's sessions on all devices, and ending them.

import { element, make, tell } from './page.js';
import { ago } from './time.js';

/** @param {import('/session.js').SessionClient} session */
export const showDevices = (session) => {
  const load = async () => {
    if (session.state !== 'active' && session.state !== 'expiring') return;
    const response = await session.fetch('/auth/sessions');
    if (!response.ok) return;
    const { sessions } = await response.json();
    sessions.sort((one, other) => other.current - one.current);
    element('devices').replaceChildren(...sessions.map(device));
    element('end-others').hidden = sessions.length < 2;
  };

  const device = ({ id, current, last_used_at, server_time, device: { label, user_agent } }) => {
    const name = label ?? nameOf(user_agent);
    const used = current ? 'This device' : ago(Date.parse(server_time) - Date.parse(last_used_at));
    const about = make('div', {}, [make('b', { textContent: name }), make('span', { textContent: used })]);
    if (current) return make('li', { className: 'current' }, [about]);
    const button = make('button', { type: 'button', textContent: 'End', ariaLabel: `End ${name}, ${used}` });
    button.addEventListener('click', () => end(`/auth/sessions/${id}`, `${name} was ended.`));
    return make('li', {}, [about, button]);
  };

  const end = async (path, done) => {
    const response = await session.fetch(path, { method: 'DELETE' });
    // 404: it has ended meanwhile, which is as good.
    tell('devices-text', response.ok || response.status === 404 ? done : 'It did not work. Please try again.');
    await load();
    element('devices-title').focus();
  };

  const loadQuietly = () => load().catch(() => {});
  element('end-others').addEventListener('click', () => end('/auth/sessions?except=current', 'The others were ended.').catch(() => {}));
  session.onStateChange(loadQuietly);
  session.addEventListener('tokenrefreshed', loadQuietly);
  document.addEventListener('visibilitychange', loadQuietly);
};

/** @param {string | null} userAgent */
const nameOf = (userAgent) => {
  const known = (/** @type {Array<[RegExp, string]>} */ names) => names.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
  const browser = known([[/Firefox\//, 'Firefox'], [/Edg\//, 'Edge'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari'], [/^curl/, 'curl']]);
  const system = known([[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']]);
  return [browser ?? 'A program', system].filter(Boolean).join(' on ');
};
