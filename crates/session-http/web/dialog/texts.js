// What the dialog says, in plain words.

/** @type {import('../dialog.js').DialogTexts} */
export const TEXTS = {
  title: 'Please log in again',
  explain: 'Your session has ended. Nothing on this page is lost.',
  username: 'User name',
  password: 'Password',
  logIn: 'Log in',
  later: 'Not now',
  wrong: 'The user name or the password is wrong.',
  unreachable: 'That did not work just now. Please try again.',
  loggedOut: 'You are logged out.',
  mismatch: 'Somebody else is logged in now.',
  reload: 'Reload the page',
  warning: 'You will be logged out in {time}.',
  warningAbsolute: 'Your session ends in {time}. Please log in again then.',
  stay: 'Stay logged in',
};
