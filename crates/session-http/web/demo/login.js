// The login form, and what each refusal means to a person.

import { element } from './page.js';

/** The codes are the service's and the client's; the words are the application's. */
const REFUSALS = {
  invalid_credentials: 'The user name or the password is wrong.',
  rate_limited: 'Too many attempts. Please wait a moment.',
  overloaded: 'The service is busy. Please try again.',
  store_unavailable: 'The service is being repaired. Please try again in a moment.',
  network: 'The service cannot be reached. Are you online?',
  timeout: 'The service does not answer. Please try again.',
};

/** @param {import('/session.js').SessionClient} session */
export const showLogin = (session) => {
  const form = element('login-form');
  const problem = element('login-problem');

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { username, password, remember } = form.elements;
    const button = form.querySelector('[type=submit]');
    button.disabled = true;
    problem.textContent = '';
    try {
      await session.login({ username: username.value, password: password.value, remember: remember.checked });
      element('note-first').focus();
    } catch (error) {
      problem.textContent = REFUSALS[error.code] ?? `It did not work (${error.code}). Please try again.`;
      password.focus();
    } finally {
      button.disabled = false;
    }
  });

  session.addEventListener('signedout', () => {
    problem.textContent = '';
    form.elements.username.focus();
  });
};
