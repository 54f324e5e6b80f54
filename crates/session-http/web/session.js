// The entry of the core. What it offers is in `session.d.ts`.

export { createSessionClient } from './session/client.js';
export { SessionError, SessionExpiredError } from './session/errors.js';
