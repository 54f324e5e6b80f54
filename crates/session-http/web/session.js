// The entry of the core. What it offers is in `session.d.ts`; the client is in `session/client.js`.

import { Client } from './session/client.js';

export { SessionError, SessionExpiredError } from './session/errors.js';

/** @type {typeof import('./session.js').createSessionClient} */
export const createSessionClient = (options = {}) => /** @type {any} */ (new Client(options));
